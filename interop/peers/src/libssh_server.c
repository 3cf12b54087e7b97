/* libssh's server with everything that it has: libssh_server PORT KEYS. One process a connection, one channel in it. */
#include <dirent.h>
#include <errno.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* It drops from a list what it has not, and has no list of what it has: so these are long. */
#define KEX                                                                                                            \
    "curve25519-sha256,curve25519-sha256@libssh.org,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"        \
    "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group18-sha512,"                          \
    "diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,"                \
    "diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"
#define CIPHERS                                                                                                        \
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,"    \
    "aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc"
#define MACS                                                                                                           \
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,"                         \
    "hmac-sha1-etm@openssh.com,hmac-sha1"
#define HOST_KEYS                                                                                                      \
    "ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256,ssh-rsa"

static ssh_key known[16];
static int known_count;

struct session {
    ssh_channel channel;
    int authenticated;
    int started;
    int echo;
    pid_t program;
    int pipe;
    int input_open;
    int ended;
};

static int is_known(ssh_key key) {
    for (int i = 0; i < known_count; i++)
        if (ssh_key_cmp(known[i], key, SSH_KEY_CMP_PUBLIC) == 0)
            return 1;
    return 0;
}

static int on_key(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *data) {
    struct session *me = data;
    (void)session;
    (void)user;
    if (!is_known(key))
        return SSH_AUTH_DENIED;
    if (state == SSH_PUBLICKEY_STATE_NONE)
        return SSH_AUTH_SUCCESS;
    if (state != SSH_PUBLICKEY_STATE_VALID)
        return SSH_AUTH_DENIED;
    me->authenticated = 1;
    return SSH_AUTH_SUCCESS;
}

static ssh_channel on_channel(ssh_session session, void *data) {
    struct session *me = data;
    return me->channel = ssh_channel_new(session);
}

static int on_exec(ssh_session session, ssh_channel channel, const char *command, void *data) {
    struct session *me = data;
    int ends[2];
    (void)session;
    (void)channel;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 1;
    me->program = fork();
    if (me->program == 0) {
        dup2(ends[1], 0);
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    me->pipe = ends[0];
    me->input_open = 1;
    me->started = 1;
    return 0;
}

static int on_subsystem(ssh_session session, ssh_channel channel, const char *name, void *data) {
    struct session *me = data;
    (void)session;
    (void)channel;
    if (strcmp(name, "echo") != 0)
        return 1;
    me->echo = me->started = 1;
    return 0;
}

static int on_data(ssh_session session, ssh_channel channel, void *bytes, uint32_t length, int is_stderr, void *data) {
    struct session *me = data;
    (void)session;
    (void)is_stderr;
    if (me->echo)
        return ssh_channel_write(channel, bytes, length);
    if (!me->input_open)
        return (int)length;
    ssize_t written = send(me->pipe, bytes, length, MSG_NOSIGNAL);
    if (written < 0) {
        /* The program has read enough. */
        me->input_open = 0;
        return (int)length;
    }
    return (int)written;
}

static void on_eof(ssh_session session, ssh_channel channel, void *data) {
    struct session *me = data;
    (void)session;
    if (me->echo) {
        ssh_channel_request_send_exit_status(channel, 0);
        ssh_channel_send_eof(channel);
        ssh_channel_close(channel);
    } else if (me->input_open) {
        me->input_open = 0;
        shutdown(me->pipe, SHUT_WR);
    }
}

/* What the program writes goes to the channel, until it ends. */
static int on_output(socket_t pipe, int events, void *data) {
    struct session *me = data;
    char buffer[32768];
    (void)events;
    /* Sending polls, and may come here again. */
    if (me->ended)
        return -1;
    ssize_t length = read(pipe, buffer, sizeof buffer);
    if (length > 0) {
        ssh_channel_write(me->channel, buffer, (uint32_t)length);
        return 0;
    }
    int status = 0;
    me->ended = 1;
    waitpid(me->program, &status, 0);
    me->input_open = 0;
    ssh_channel_request_send_exit_status(me->channel, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
    ssh_channel_send_eof(me->channel);
    ssh_channel_close(me->channel);
    return -1;
}

static void serve(ssh_session session) {
    struct session me = {0};
    struct ssh_server_callbacks_struct server = {
        .userdata = &me, .auth_pubkey_function = on_key, .channel_open_request_session_function = on_channel};
    struct ssh_channel_callbacks_struct channel = {.userdata = &me,
                                                   .channel_exec_request_function = on_exec,
                                                   .channel_subsystem_request_function = on_subsystem,
                                                   .channel_data_function = on_data,
                                                   .channel_eof_function = on_eof};
    ssh_callbacks_init(&server);
    ssh_callbacks_init(&channel);
    ssh_set_server_callbacks(session, &server);
    ssh_set_auth_methods(session, SSH_AUTH_METHOD_PUBLICKEY);
    if (ssh_handle_key_exchange(session) != SSH_OK) {
        fprintf(stderr, "%s\n", ssh_get_error(session));
        return;
    }
    ssh_event event = ssh_event_new();
    ssh_event_add_session(event, session);
    int watched = 0, prepared = 0;
    while (ssh_event_dopoll(event, 1000) != SSH_ERROR) {
        if (me.channel && !prepared) {
            ssh_set_channel_callbacks(me.channel, &channel);
            prepared = 1;
        }
        if (me.pipe && !watched) {
            ssh_event_add_fd(event, me.pipe, POLLIN | POLLHUP, on_output, &me);
            watched = 1;
        }
        if (prepared && me.started && ssh_channel_is_closed(me.channel) && ssh_channel_is_eof(me.channel))
            break;
    }
    ssh_event_free(event);
}

static void read_known(const char *keys) {
    char path[4096], line[8192];
    snprintf(path, sizeof path, "%s/authorized_keys", keys);
    FILE *file = fopen(path, "r");
    while (file && known_count < 16 && fgets(line, sizeof line, file)) {
        char *type = strtok(line, " "), *blob = strtok(NULL, " \n");
        if (blob && ssh_pki_import_pubkey_base64(blob, ssh_key_type_from_name(type), &known[known_count]) == SSH_OK)
            known_count++;
    }
    if (file)
        fclose(file);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    const char *port = arguments[1], *keys = arguments[2];
    char path[4096];
    ssh_bind bind = ssh_bind_new();
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BINDADDR, "127.0.0.1");
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BINDPORT_STR, port);
    const char *types[] = {"rsa", "ecdsa", "ed25519"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/host_%s", keys, types[i]);
        ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, path);
    }
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, KEX);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_CIPHERS_C_S, CIPHERS);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_CIPHERS_S_C, CIPHERS);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HMAC_C_S, MACS);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HMAC_S_C, MACS);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, HOST_KEYS);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, HOST_KEYS);
    read_known(keys);
    if (ssh_bind_listen(bind) != SSH_OK) {
        fprintf(stderr, "%s\n", ssh_get_error(bind));
        return 1;
    }
    for (;;) {
        ssh_session session = ssh_new();
        if (ssh_bind_accept(bind, session) != SSH_OK) {
            ssh_free(session);
            continue;
        }
        if (fork() == 0) {
            serve(session);
            ssh_disconnect(session);
            _exit(0);
        }
        ssh_disconnect(session);
        ssh_free(session);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
