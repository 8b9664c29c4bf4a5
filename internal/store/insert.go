package store

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// Row writes the values of one row of an INSERT, in the order of its columns. SQLite's driver takes the square of their
// number to bind them, so that what cannot hold anything but a number or nothing stands in the statement itself;
// PostgreSQL's keeps statements by their text, which should not change from row to row.
type Row struct {
	inline bool
	text   strings.Builder
	values []any
}

// NewRow returns an empty row for one of the store's tables.
func (s *Store) NewRow() *Row { return &Row{inline: !s.Shared()} }

func (r *Row) column(text string) {
	if r.text.Len() > 0 {
		r.text.WriteString(", ")
	}
	r.text.WriteString(text)
}

// Value adds anything that the driver takes.
func (r *Row) Value(value any) {
	r.column("?")
	r.values = append(r.values, value)
}

// Text adds a text; an empty one is null.
func (r *Row) Text(text string) {
	if text == "" {
		r.column("NULL")
		return
	}
	r.Value(text)
}

// Number adds a number.
func (r *Row) Number(n int64) {
	if !r.inline {
		r.Value(n)
		return
	}
	r.column(strconv.FormatInt(n, 10))
}

// Null adds nothing.
func (r *Row) Null() { r.column("NULL") }

// Insert writes a row at the end of the transaction, together with others for the same statement: "INSERT INTO … (…)",
// up to VALUES.
func (s *Store) Insert(tx *gorm.DB, into string, row *Row) error {
	return s.Later(tx, into, row, func(tx *gorm.DB, rows []any) error {
		var statement strings.Builder
		var values []any
		statement.WriteString(into)
		statement.WriteString(" VALUES ")
		for i, item := range rows {
			r := item.(*Row)
			if i > 0 {
				statement.WriteString(", ")
			}
			statement.WriteString("(" + r.text.String() + ")")
			values = append(values, r.values...)
		}
		return Exec(tx, statement.String(), values...)
	})
}
