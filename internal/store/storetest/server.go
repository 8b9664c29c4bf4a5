package storetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Server is a PostgreSQL server. A test that interrupts one has a server of its own: see NewServer. It ends with the
// test process: its supervisor waits on a pipe that closes then, however the process ends.
type Server struct {
	pattern string // the URL of a database; %s stands for its name
	bin     string
	folder  string
	attr    *syscall.SysProcAttr // of its user
	stdin   *os.File             // held open as long as the server is needed
	ended   chan struct{}        // closed when the supervisor has removed the folder
}

// supervise starts the server, waits for its standard input to close, ends the server, which may be stopped, and
// removes its folder.
const supervise = `"$1/pg_ctl" -D "$2/data" -l "$2/log" -s -w start || exit
read -r _
kill -CONT "$(head -n 1 "$2/data/postmaster.pid")"
"$1/pg_ctl" -D "$2/data" -m immediate -s stop
rm -rf "$2"`

// NewServer starts a PostgreSQL server for one test. It listens on a socket in its folder, which nobody can take
// from it while it is restarted.
func NewServer(t testing.TB) *Server {
	s, err := startServer("", "", unsynced)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

// StartServer starts a PostgreSQL server that syncs to disk, as one in use does, with its data in a new folder
// within folder. Whoever starts it stops it.
func StartServer(folder string) (*Server, error) { return startServer("", folder, "") }

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	_ = s.stdin.Close()
	<-s.ended
}

// URL returns the URL of an empty database.
func (s *Server) URL() string { return fmt.Sprintf(s.pattern, "postgres") }

// Crash restarts the server the hard way, and returns when it takes connections again: sessions end in the middle of
// whatever they do, and what was not committed is gone.
func (s *Server) Crash() error {
	restart := exec.Command(filepath.Join(s.bin, "pg_ctl"), "-D", filepath.Join(s.folder, "data"), "-l",
		filepath.Join(s.folder, "log"), "-m", "immediate", "-s", "-w", "restart")
	restart.SysProcAttr, restart.Dir = s.attr, s.folder
	if out, err := restart.CombinedOutput(); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w\n%s", err, out)
	}
	return nil
}

// Signal sends a signal to all processes of the server.
func (s *Server) Signal(signal syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(s.folder, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	if err := syscall.Kill(postmaster, signal); err != nil { // first: it starts no more processes
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		return err
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// unsynced is for tests: they are about Beckon's promises, not about PostgreSQL's disk, and syncing it would only
// slow them down.
const unsynced = "fsync=off\nfull_page_writes=off\n"

// startServer starts a server that listens on a TCP address or, without one, on a socket in its folder, which is a
// new one in within. settings are lines of its configuration.
func startServer(address, within, settings string) (*Server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(within, "beckon-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, folder: folder, ended: make(chan struct{})}
	s.attr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests is not for the server: the pipe is
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root; Debian's package has made a user for it.
		if s.attr.Credential, err = postgresUser(); err != nil {
			return nil, err
		}
		if err := os.Chown(folder, int(s.attr.Credential.Uid), int(s.attr.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "beckon", "-A", "trust", "-N",
		"-E", "UTF8", "--locale=C.UTF-8")
	initdb.SysProcAttr, initdb.Dir = s.attr, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	conf := settings + "max_connections=400\n"
	if address == "" {
		conf += fmt.Sprintf("listen_addresses=''\nunix_socket_directories='%s'\n", folder)
		s.pattern = "postgres://beckon@/%s?host=" + folder
	} else {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conf += fmt.Sprintf("port=%s\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n", port)
		s.pattern = "postgres://beckon@" + address + "/%s?sslmode=disable"
	}
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.WriteString(conf); err != nil {
		return nil, err
	}
	return s, s.run()
}

func (s *Server) run() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	s.stdin = write
	supervisor := exec.Command("/bin/sh", "-c", supervise, "sh", s.bin, s.folder)
	supervisor.SysProcAttr, supervisor.Dir, supervisor.Stdin = s.attr, s.folder, read
	if err := supervisor.Start(); err != nil {
		return err
	}
	go func() {
		_ = supervisor.Wait()
		close(s.ended)
	}()
	return awaitPostgres(s.URL())
}
