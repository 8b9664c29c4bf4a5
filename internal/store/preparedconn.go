package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
)

const (
	maxPrepared = 256 // statements that a preparedConn keeps
	maxShapes   = 32  // of the rows of a table
)

// preparedConn is a connection to a SQLite file that prepares each statement once. The driver that gorm uses prepares a statement
// each time it runs, which takes a third of the time of an INSERT, and binds values in the square of their number.
//
// It is a driver.Conn, so that database/sql and gorm read rows from it. It ignores contexts: an interrupt would end the
// transaction of everybody in it. Rows are read at once, because a statement has one reader at a time.
type preparedConn struct {
	conn   *zombiezen.Conn
	kept   map[string]bool    // the statements that conn has prepared
	shapes map[string][]shape // of rows that were inserted, by table
}

// openPrepared opens a connection to a file that is there. It is for one goroutine.
func openPrepared(path string) (*preparedConn, error) {
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	c := &preparedConn{conn: conn, kept: map[string]bool{}, shapes: map[string][]shape{}}
	for _, pragma := range []string{"synchronous = FULL", "foreign_keys = ON"} {
		if _, err := c.exec("PRAGMA "+pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return c, nil
}

// connectorOf hands a connection that is open to a sql.DB, which has one connection then.
type connectorOf struct{ conn *preparedConn }

func (c connectorOf) Connect(context.Context) (driver.Conn, error) { return c.conn, nil }

func (c connectorOf) Driver() driver.Driver { return nil }

func (c *preparedConn) Close() error { return c.conn.Close() }

var errUnused = errors.New("the connection that writes takes no statements or transactions of database/sql")

func (c *preparedConn) Prepare(string) (driver.Stmt, error) { return nil, errUnused }

func (c *preparedConn) Begin() (driver.Tx, error) { return nil, errUnused }

func (c *preparedConn) ExecContext(_ context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	changed, err := c.exec(statement, plain(args))
	return driver.RowsAffected(changed), err
}

func (c *preparedConn) QueryContext(_ context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	rows := &readRows{}
	err := c.run(statement, plain(args), rows.read)
	return rows, err
}

func plain(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	return values
}

// exec runs a statement and returns how many rows it has changed.
func (c *preparedConn) exec(statement string, values []any) (changed int64, err error) {
	err = c.run(statement, values, func(*zombiezen.Stmt) {})
	if err != nil {
		return 0, err
	}
	return int64(c.conn.Changes()), nil
}

// shape is what rows that are inserted by the same statement have in common.
type shape struct {
	columns   []string
	statement string
}

// insert inserts a row. The text of its statement is made once for all rows of its shape: it is as long as a small row.
func (c *preparedConn) insert(r *NewRow) (err error) {
	s, done, err := c.prepared(c.insertOf(r))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	for i := range r.values {
		if err := r.values[i].bind(s, i+1); err != nil {
			return err
		}
	}
	_, err = s.Step()
	return err
}

func (c *preparedConn) insertOf(r *NewRow) string {
	shapes := c.shapes[r.table]
	for i := range shapes {
		if slices.Equal(shapes[i].columns, r.columns) {
			return shapes[i].statement
		}
	}
	statement := r.statement()
	if len(shapes) < maxShapes {
		c.shapes[r.table] = append(shapes, shape{slices.Clone(r.columns), statement})
	}
	return statement
}

// run runs a statement to its end, and calls each for every row that it returns.
func (c *preparedConn) run(statement string, values []any, each func(*zombiezen.Stmt)) (err error) {
	s, done, err := c.prepared(statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if n := s.BindParamCount(); n != len(values) {
		return fmt.Errorf("a statement has %d question marks and %d values", n, len(values))
	}
	for i, v := range values {
		if err := bind(s, i+1, v); err != nil {
			return err
		}
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return err
		}
		each(s)
	}
}

// prepared returns a statement, and what makes it ready to be used again. The values of the last use are not kept.
func (c *preparedConn) prepared(statement string) (*zombiezen.Stmt, func() error, error) {
	if !c.kept[statement] && len(c.kept) >= maxPrepared {
		s, _, err := c.conn.PrepareTransient(statement)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Finalize, nil
	}
	s, err := c.conn.Prepare(statement)
	if err != nil {
		return nil, nil, err
	}
	c.kept[statement] = true
	return s, func() error {
		_ = s.Reset() // its error is that of the last Step
		return s.ClearBindings()
	}, nil
}

// bind gives a question mark its value. One that is bound to nothing is null.
func bind(s *zombiezen.Stmt, at int, value any) error {
	switch v := value.(type) {
	case nil:
	case string:
		s.BindText(at, v)
	case int64:
		s.BindInt64(at, v)
	case int:
		s.BindInt64(at, int64(v))
	case bool:
		s.BindBool(at, v)
	case []byte:
		s.BindBytes(at, v)
	case float64:
		s.BindFloat(at, v)
	default:
		known, err := driver.DefaultParameterConverter.ConvertValue(value)
		if err != nil {
			return err
		}
		if _, isTime := known.(time.Time); isTime {
			return errors.New("a time is kept in milliseconds")
		}
		return bind(s, at, known)
	}
	return nil
}

// readRows are the rows that a statement has returned.
type readRows struct {
	columns []string
	rows    [][]driver.Value
}

func (r *readRows) read(s *zombiezen.Stmt) {
	if r.columns == nil {
		for i := range s.ColumnCount() {
			r.columns = append(r.columns, s.ColumnName(i))
		}
	}
	row := make([]driver.Value, s.ColumnCount())
	for i := range row {
		switch s.ColumnType(i) {
		case zombiezen.TypeInteger:
			row[i] = s.ColumnInt64(i)
		case zombiezen.TypeFloat:
			row[i] = s.ColumnFloat(i)
		case zombiezen.TypeText:
			row[i] = s.ColumnText(i)
		case zombiezen.TypeBlob:
			blob := make([]byte, s.ColumnLen(i))
			s.ColumnBytes(i, blob)
			row[i] = blob
		}
	}
	r.rows = append(r.rows, row)
}

func (r *readRows) Columns() []string { return r.columns }

func (r *readRows) Close() error { return nil }

func (r *readRows) Next(into []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(into, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
