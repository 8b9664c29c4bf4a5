package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	zombiezen "zombiezen.com/go/sqlite"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

var errClosed = errors.New("the database is closed")

const (
	codeUnavailable = problem.CodeStorageUnavailable
	// retryStorage is what callers are told to wait when the database is busy or full.
	retryStorage = 5 * time.Second

	connectionFailed = "the connection failed"
	unkeptStatements = "a connection pooler in front of it does not keep prepared statements; " +
		"add default_query_exec_mode=cache_describe to database.url"
	// duplicateStatement is the SQLSTATE of a name that another client of the pooler has prepared.
	duplicateStatement = "42P05"
)

// sqliteTroubles are the primary result codes that speak of the file or its disk, not of the statement:
// https://www.sqlite.org/rescode.html
var sqliteTroubles = map[int]string{
	3: "it may not be opened", 5: "it is locked", 6: "it is locked", 7: "it is out of memory", 8: "it is read-only",
	10: "its disk failed", 11: "the file is damaged", 13: "its disk is full", 14: "it cannot be opened",
	15: "it is locked", 26: "the file is damaged",
}

// postgresTroubles are the classes of SQLSTATE that speak of the server, not of the statement:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var postgresTroubles = map[string]string{
	"08": connectionFailed,
	"26": unkeptStatements,
	"25": "it is read-only",
	"40": "it gave up a transaction that clashed with another",
	"53": "it is out of resources",
	"57": "it is shutting down",
	"58": "its disk failed",
}

// connectionErrors say that a connection broke or was closed before the statement, or before its answer.
var connectionErrors = []error{
	errClosed, sql.ErrConnDone, sql.ErrTxDone, driver.ErrBadConn, pgconn.ErrConnClosed, pgx.ErrTxClosed,
	io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
}

// connectionTexts are those of errors that database/sql and pgxpool do not export.
var connectionTexts = []string{"sql: database is closed", "closed pool"}

// classify turns errors that speak of the database as a whole into a problem of kind Unavailable, and leaves others
// alone. Read and Write return classified errors.
func classify(err error) error {
	why := trouble(err)
	if p, ok := errors.AsType[*problem.Error](err); why == "" || ok && p.Code == codeUnavailable {
		return err
	}
	advice := "Nothing was recorded; try again."
	if errors.Is(err, errInDoubt) {
		advice = "It is not known whether the change was recorded: look before you try again."
	}
	return problem.New(problem.Unavailable, codeUnavailable,
		"Beckon cannot use its database now: %s. %s", why, advice).After(retryStorage).Because(err)
}

// trouble says what is wrong with the database as a whole; it is empty for errors of a statement or of a caller.
func trouble(err error) string {
	if err == nil {
		return ""
	}
	// This comes first: why a connection was refused has codes like those of a statement, and to connect has a timeout
	// of its own.
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok && !errors.Is(err, context.Canceled) {
		return connectionFailed
	}
	// A caller who left says nothing about the database; and a deadline would pass for a network error below.
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	if e, ok := errors.AsType[*gosqlite.Error](err); ok {
		return sqliteTroubles[e.Code()&0xff]
	}
	if why := sqliteTroubles[int(zombiezen.ErrCode(err).ToPrimary())]; why != "" {
		return why
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		if e.Code == duplicateStatement {
			return unkeptStatements
		}
		return postgresTroubles[e.Code[:2]]
	}
	if connectionBroke(err) {
		return connectionFailed
	}
	return ""
}

func connectionBroke(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok || pgconn.SafeToRetry(err) {
		return true
	}
	return slices.ContainsFunc(connectionErrors, func(known error) bool { return errors.Is(err, known) }) ||
		slices.ContainsFunc(connectionTexts, func(text string) bool { return strings.HasSuffix(err.Error(), text) })
}

// explainPooler says what to set where a database cannot be opened because a pooler does not keep prepared statements.
func explainPooler(err error) error {
	if trouble(err) != unkeptStatements {
		return err
	}
	return fmt.Errorf("the database cannot be used: %s: %w", unkeptStatements, err)
}

// redactURL keeps a password in the database's URL out of an error.
func redactURL(err error, url string) error {
	if !strings.Contains(err.Error(), url) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), url, secret.Mask))
}
