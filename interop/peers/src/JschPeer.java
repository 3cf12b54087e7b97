import com.jcraft.jsch.Channel;
import com.jcraft.jsch.ChannelExec;
import com.jcraft.jsch.ChannelSubsystem;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** JSch's client with everything that it has: what its configuration names a class for. */
public final class JschPeer {
    private static final String[] KEX = {
        "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group-exchange-sha1", "diffie-hellman-group18-sha512", "diffie-hellman-group17-sha512",
        "diffie-hellman-group16-sha512", "diffie-hellman-group15-sha512", "diffie-hellman-group14-sha256",
        "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1", "curve25519-sha256", "curve25519-sha256@libssh.org"};
    private static final String[] CIPHERS = {
        "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc", "3des-ctr",
        "blowfish-cbc", "arcfour", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"};
    private static final String[] MACS = {
        "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96",
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com"};
    private static final String[] HOST_KEYS = {
        "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519", "rsa-sha2-512",
        "rsa-sha2-256", "ssh-rsa", "ssh-dss"};

    private static String known(String[] names, String... always) {
        List<String> known = new ArrayList<>();
        for (String name : names) {
            if (JSch.getConfig(name) != null || List.of(always).contains(name)) {
                known.add(name);
            }
        }
        return String.join(",", known);
    }

    public static void main(String[] arguments) throws Exception {
        JSch jsch = new JSch();
        jsch.addIdentity(arguments[3]);
        Session session = jsch.getSession(arguments[2], arguments[0], Integer.parseInt(arguments[1]));
        session.setConfig("StrictHostKeyChecking", "no");
        session.setConfig("PreferredAuthentications", "publickey");
        session.setConfig("kex", known(KEX));
        for (String direction : new String[] {"c2s", "s2c"}) {
            session.setConfig("cipher." + direction, known(CIPHERS));
            session.setConfig("mac." + direction, known(MACS));
            session.setConfig("compression." + direction, "none,zlib@openssh.com,zlib");
        }
        // Its key types are built in.
        session.setConfig("server_host_key", known(HOST_KEYS, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521", "ssh-rsa", "ssh-dss"));
        session.connect(15000);

        List<String> words = List.of(arguments).subList(4, arguments.length);
        String command = String.join(" ", words);
        Channel channel;
        if (System.getenv("SUBSYSTEM") != null) {
            ChannelSubsystem subsystem = (ChannelSubsystem) session.openChannel("subsystem");
            subsystem.setSubsystem(command);
            channel = subsystem;
        } else {
            ChannelExec exec = (ChannelExec) session.openChannel("exec");
            exec.setCommand(command);
            channel = exec;
        }
        channel.setInputStream(System.in);
        InputStream output = channel.getInputStream();
        channel.connect(10000);
        output.transferTo(System.out);
        System.out.flush();
        while (!channel.isClosed()) {
            Thread.sleep(5);
        }
        int status = channel.getExitStatus();
        session.disconnect();
        System.exit(status < 0 ? 255 : status);
    }
}
