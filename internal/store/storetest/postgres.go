package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"beckon/internal/freeport"
)

// cluster is a PostgreSQL server of this test process. It is started when the first test asks for it, and ends with
// the process: its supervisor waits on a pipe that closes then, however the process ends.
type cluster struct {
	once  sync.Once
	url   string // of the maintenance database; %s stands for the database's name
	err   error
	stdin *os.File // held open as long as the process lives
}

// supervise starts the server, waits for its standard input to close, ends the server and removes its folder.
const supervise = `"$1/postgres" -D "$2/data" >"$2/log" 2>&1 & pid=$!
read -r _
kill -QUIT $pid; wait $pid; rm -rf "$2"`

func (c *cluster) start() (string, error) {
	c.once.Do(func() { c.url, c.err = c.launch() })
	return c.url, c.err
}

func (c *cluster) launch() (string, error) {
	bin, err := findBinaries()
	if err != nil {
		return "", err
	}
	parent, err := os.MkdirTemp("", "beckon-postgres-")
	if err != nil {
		return "", err
	}
	data := filepath.Join(parent, "data")
	attr := &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests is not for the server: the pipe is
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root; Debian's package has made a user for it.
		if attr.Credential, err = postgresUser(); err != nil {
			return "", err
		}
		if err := os.Chown(parent, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return "", err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "beckon", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
	initdb.SysProcAttr, initdb.Dir = attr, parent
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	address, err := freeport.Address()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	// The tests are about Beckon's promises, not about PostgreSQL's disk: syncing it would only slow them down.
	conf := fmt.Sprintf("port=%s\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nfsync=off\nfull_page_writes=off\nmax_connections=400\n", port)
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.WriteString(conf); err != nil {
		return "", err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	c.stdin = write
	server := exec.Command("/bin/sh", "-c", supervise, "sh", bin, parent)
	server.SysProcAttr, server.Dir, server.Stdin = attr, parent, read
	if err := server.Start(); err != nil {
		return "", err
	}
	url := fmt.Sprintf("postgres://beckon@%s/%%s?sslmode=disable", address)
	return url, awaitPostgres(fmt.Sprintf(url, "postgres"))
}

func awaitPostgres(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not start: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func findBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("PostgreSQL's server is not installed: run make test, or apt-get install postgresql")
}

func postgresUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("these tests run as root, and PostgreSQL needs a user of its own: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
