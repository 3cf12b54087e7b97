// Go's x/crypto/ssh as a client and a server with everything that it has, which it does not list.
//
//	gopeer client HOST PORT USER KEY COMMAND...
//	gopeer server PORT KEYS
//
// SUBSYSTEM, REKEY: see ../README.md.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}

func config(kex ...string) ssh.Config {
	config := ssh.Config{
		KeyExchanges: append([]string{"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
			"ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
			"diffie-hellman-group1-sha1"}, kex...),
		Ciphers: []string{"aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr",
			"aes256-ctr", "aes128-cbc", "3des-cbc", "arcfour256", "arcfour128", "arcfour"},
		MACs: []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha1", "hmac-sha1-96"},
	}
	if text := os.Getenv("REKEY"); text != "" {
		bytes, err := strconv.ParseUint(text, 10, 64)
		check(err)
		config.RekeyThreshold = bytes
	}
	return config
}

func signer(path string) ssh.Signer {
	file, err := os.ReadFile(path)
	check(err)
	signer, err := ssh.ParsePrivateKey(file)
	check(err)
	return signer
}

func client(host, port, user, key, command string) {
	connection, err := ssh.Dial("tcp", net.JoinHostPort(host, port), &ssh.ClientConfig{
		Config:          config("diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"),
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer(key))},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	check(err)
	channel, requests, err := connection.OpenChannel("session", nil)
	check(err)
	kind := "exec"
	if os.Getenv("SUBSYSTEM") != "" {
		kind = "subsystem"
	}
	started, err := channel.SendRequest(kind, true, ssh.Marshal(struct{ Command string }{command}))
	check(err)
	if !started {
		check(fmt.Errorf("%s was refused", kind))
	}
	go func() {
		io.Copy(channel, os.Stdin)
		channel.CloseWrite()
	}()
	go io.Copy(os.Stderr, channel.Stderr())
	_, err = io.Copy(os.Stdout, channel)
	check(err)
	status := uint32(255)
	for request := range requests {
		if request.Type == "exit-status" {
			var said struct{ Status uint32 }
			check(ssh.Unmarshal(request.Payload, &said))
			status = said.Status
		}
	}
	os.Exit(int(status))
}

func server(port, keys string) {
	known := map[string]bool{}
	file, err := os.ReadFile(filepath.Join(keys, "authorized_keys"))
	check(err)
	for len(file) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(file)
		if err != nil {
			break
		}
		known[string(key.Marshal())] = true
		file = rest
	}
	server := &ssh.ServerConfig{
		Config: config(),
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if known[string(key.Marshal())] {
				return &ssh.Permissions{}, nil
			}
			return nil, fmt.Errorf("not known")
		},
	}
	hosts, err := filepath.Glob(filepath.Join(keys, "host_*"))
	check(err)
	for _, host := range hosts {
		if !strings.HasSuffix(host, ".pub") {
			server.AddHostKey(signer(host))
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	check(err)
	for {
		stream, err := listener.Accept()
		check(err)
		go serve(stream, server)
	}
}

func serve(stream net.Conn, config *ssh.ServerConfig) {
	connection, channels, requests, err := ssh.NewServerConn(stream, config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer connection.Close()
	go ssh.DiscardRequests(requests)
	for asked := range channels {
		if asked.ChannelType() != "session" {
			asked.Reject(ssh.UnknownChannelType, "session only")
			continue
		}
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		go session(channel, requests)
	}
}

func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		var payload struct{ Text string }
		ssh.Unmarshal(request.Payload, &payload)
		switch {
		case request.Type == "exec":
			request.Reply(true, nil)
			go run(channel, payload.Text)
		case request.Type == "subsystem" && payload.Text == "echo":
			request.Reply(true, nil)
			go func() {
				io.Copy(channel, channel)
				end(channel, 0)
			}()
		default:
			request.Reply(false, nil)
		}
	}
}

func run(channel ssh.Channel, text string) {
	command := exec.Command("/bin/sh", "-c", text)
	command.Stdout, command.Stderr = channel, channel.Stderr()
	// A pipe, and not the channel itself: Run waits for the end of what it copies.
	input, err := command.StdinPipe()
	check(err)
	go func() {
		io.Copy(input, channel)
		input.Close()
	}()
	command.Run()
	end(channel, command.ProcessState.ExitCode())
}

func end(channel ssh.Channel, status int) {
	channel.CloseWrite()
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	channel.Close()
}

func main() {
	if os.Args[1] == "client" {
		client(os.Args[2], os.Args[3], os.Args[4], os.Args[5], strings.Join(os.Args[6:], " "))
	} else {
		server(os.Args[2], os.Args[3])
	}
}
