import com.trilead.ssh2.ChannelCondition;
import com.trilead.ssh2.Connection;
import com.trilead.ssh2.Session;
import java.io.File;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** The client of trilead-ssh2, which offers everything that it has. */
public final class TrileadPeer {
    public static void main(String[] arguments) throws Exception {
        Connection connection = new Connection(arguments[0], Integer.parseInt(arguments[1]));
        connection.connect(null, 10000, 15000);
        if (!connection.authenticateWithPublicKey(arguments[2], new File(arguments[3]), null)) {
            System.err.println("not let in");
            System.exit(255);
        }
        Session session = connection.openSession();
        List<String> words = List.of(arguments).subList(4, arguments.length);
        String command = String.join(" ", words);
        if (System.getenv("SUBSYSTEM") != null) {
            session.startSubSystem(command);
        } else {
            session.execCommand(command);
        }
        Thread sender = new Thread(() -> {
            try (OutputStream input = session.getStdin()) {
                System.in.transferTo(input);
            } catch (java.io.IOException error) {
                System.err.println(error);
            }
        });
        sender.setDaemon(true);
        sender.start();
        InputStream output = session.getStdout();
        output.transferTo(System.out);
        System.out.flush();
        session.waitForCondition(ChannelCondition.EXIT_STATUS, 10000);
        Integer status = session.getExitStatus();
        connection.close();
        System.exit(status == null ? 255 : status);
    }
}
