package store

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
)

// Cursors tell where the next page of a list begins that is sorted by id, newest first. prefix is that of the ids, such
// as "run_"; query is what the list was asked for: a cursor is good for the same list only.
type Cursors struct {
	prefix, query string
}

// NewCursors returns the cursors of one list.
func NewCursors(prefix string, query ...string) Cursors {
	return Cursors{prefix, strings.Join(query, "\n")}
}

// Below returns what the ids of the page after the cursor are less than; an empty cursor is the first page. An Invalid
// says that no page of this list gave the cursor.
func (c Cursors) Below(cursor string) (string, error) {
	if cursor == "" {
		return c.prefix + "~", nil // sorts behind every id
	}
	id, _, _ := strings.Cut(string(decodeCursor(cursor)), ".")
	if _, err := ulid.ParseStrict(strings.TrimPrefix(id, c.prefix)); err != nil || c.After(id) != cursor {
		return "", problem.New(problem.Invalid, problem.CodeInvalidCursor,
			"The cursor does not belong to this list. Start without one.")
	}
	return id, nil
}

// After returns the cursor of the page that comes after the one with the id at its end.
func (c Cursors) After(id string) string {
	check := sha256.Sum256([]byte(id + "\n" + c.query))
	return base64.RawURLEncoding.EncodeToString(append([]byte(id+"."), check[:9]...))
}

func decodeCursor(cursor string) []byte {
	if len(cursor) > 128 {
		return nil
	}
	text, _ := base64.RawURLEncoding.DecodeString(cursor)
	return text
}
