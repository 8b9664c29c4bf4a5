package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

var errClosed = errors.New("the database is closed")

// retryStorage is what callers are told to wait when the database is busy or full.
const retryStorage = 5 * time.Second

// sqliteTroubles are the primary result codes that speak of the file or its disk, not of the statement:
// https://www.sqlite.org/rescode.html
var sqliteTroubles = map[int]string{
	5: "it is locked", 6: "it is locked", 8: "it is read-only", 10: "its disk failed", 11: "the file is damaged",
	13: "its disk is full", 14: "it cannot be opened",
}

// postgresTroubles are the classes of SQLSTATE that speak of the server, not of the statement:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var postgresTroubles = map[string]string{
	"08": "the connection failed", "53": "it is out of resources", "57": "it is shutting down", "58": "its disk failed",
	"25": "it is read-only",
}

// unavailable turns errors that speak of the database as a whole into a problem of kind Unavailable, and leaves
// others alone.
func unavailable(err error) error {
	why := trouble(err)
	if why == "" {
		return err
	}
	return problem.New(problem.Unavailable, "storage_unavailable",
		"Beckon cannot use its database now: %s. Nothing was recorded; try again.", why).After(retryStorage).Because(err)
}

func trouble(err error) string {
	// A caller who left says nothing about the database; and a deadline would pass for a network error below.
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	if e, ok := errors.AsType[*gosqlite.Error](err); ok {
		return sqliteTroubles[e.Code()&0xff]
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		return postgresTroubles[e.Code[:2]]
	}
	_, isNet := errors.AsType[net.Error](err)
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case errors.Is(err, errClosed), errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn),
		errors.Is(err, io.ErrUnexpectedEOF), isNet, isConnect:
		return "the connection failed"
	}
	return ""
}

// redactURL keeps a password in the database's URL out of an error.
func redactURL(err error, url string) error {
	if !strings.Contains(err.Error(), url) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), url, secret.Mask))
}
