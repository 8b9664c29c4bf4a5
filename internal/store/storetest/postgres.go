package storetest

import (
	"context"
	"fmt"
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

// cluster is the PostgreSQL server that the tests of this process share. It is started when the first test asks for it,
// and ends with the process.
type cluster struct {
	once   sync.Once
	server *Server
	err    error
}

// pattern returns the URL of a database of the server, with %s for its name.
func (c *cluster) pattern() (string, error) {
	c.once.Do(func() {
		address, err := freeport.Address()
		if err != nil {
			c.err = err
			return
		}
		c.server, c.err = startServer(address, "", unsynced)
	})
	if c.err != nil {
		return "", c.err
	}
	return c.server.pattern, nil
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
