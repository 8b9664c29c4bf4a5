package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/freeport"
)

const pgBouncer = "/usr/sbin/pgbouncer"

// Few connections, so that each client gets another one all the time.
const pgBouncerConfig = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
`

// superviseBouncer ends PgBouncer, and removes its folder, when its standard input closes.
const superviseBouncer = `"$1" -q "$2/pgbouncer.ini" >"$2/log" 2>&1 &
pid=$!
read -r _
kill -9 $pid
rm -rf "$2"`

// PgBouncer returns the URL of a database behind a PgBouncer in transaction mode, until the test ends. Statements
// are not prepared by name, as Beckon's page on PostgreSQL has it.
func PgBouncer(t testing.TB, databaseURL string) string {
	pooled := pgBouncerURL(t, databaseURL)
	query := pooled.Query()
	query.Set("default_query_exec_mode", "cache_describe")
	pooled.RawQuery = query.Encode()
	return pooled.String()
}

// PgBouncerWithPrepared is PgBouncer with statements that are prepared by name.
func PgBouncerWithPrepared(t testing.TB, databaseURL string) string {
	return pgBouncerURL(t, databaseURL).String()
}

func pgBouncerURL(t testing.TB, databaseURL string) *url.URL {
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	_, err = os.Stat(pgBouncer)
	require.NoError(t, err, "PgBouncer is not installed: run make test, or apt-get install pgbouncer")
	address, err := freeport.Address()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	folder, err := os.MkdirTemp("", "beckon-pgbouncer-")
	require.NoError(t, err)
	users := filepath.Join(folder, "users")
	config := fmt.Sprintf(pgBouncerConfig, u.Hostname(), u.Port(), port, users)
	require.NoError(t, os.WriteFile(users, []byte(`"beckon" ""`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pgbouncer.ini"), []byte(config), 0o600))
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 { // PgBouncer refuses to run as root
		attr.Credential, err = postgresUser()
		require.NoError(t, err)
		for _, path := range []string{folder, users, filepath.Join(folder, "pgbouncer.ini")} {
			require.NoError(t, os.Chown(path, int(attr.Credential.Uid), int(attr.Credential.Gid)))
		}
	}
	read, write, err := os.Pipe()
	require.NoError(t, err)
	supervisor := exec.Command("/bin/sh", "-c", superviseBouncer, "sh", pgBouncer, folder)
	supervisor.SysProcAttr, supervisor.Dir, supervisor.Stdin = attr, folder, read
	require.NoError(t, errors.Join(supervisor.Start(), read.Close()))
	t.Cleanup(func() {
		_ = write.Close()
		_ = supervisor.Wait()
	})
	u.Host = address
	require.NoError(t, awaitPostgres(u.String()))
	return u
}
