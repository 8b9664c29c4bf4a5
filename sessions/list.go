package sessions

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"beckon/internal/problem"
)

// The bounds of a page of sessions or turns.
const (
	DefaultPage = 50
	MaxPage     = 200
	// maxPageBytes ends a page of long turns before its limit.
	maxPageBytes = 8 << 20
)

// List returns a page of the sessions of a client, those that were used last in front, and the cursor of the next;
// no cursor says that there is none.
func (s *Service) List(
	ctx context.Context, clientID, cursor string, limit int,
) (list []Session, next string, err error) {
	below, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if list, err = listSessions(s.Store.Read(ctx), clientID, below, time.Now(), limit+1); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = position{last.UpdatedAt.UnixMilli(), last.ID}.cursor()
	}
	return list, next, nil
}

// Turns returns a page of the turns of a session, the last in front, and the cursor of the next. A page may have
// fewer than its limit when its turns are long.
func (s *Service) Turns(
	ctx context.Context, clientID, id, cursor string, limit int,
) (list []Turn, next string, err error) {
	below, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	size := 0
	err = eachTurn(s.Store.Read(ctx), clientID, id, below, time.Now(), limit+1, func(t Turn) bool {
		if len(list) == limit || len(list) > 0 && size > maxPageBytes {
			last := list[len(list)-1]
			next = position{last.Number, last.NodeID}.cursor()
			return false
		}
		size += len(t.Prompt.Text) + len(t.Answer)
		list = append(list, t)
		return true
	})
	return list, next, err
}

// position is where a page ends in a list that is sorted by a number and a text.
type position struct {
	number int64
	text   string
}

// end is behind everything.
var end = position{1<<63 - 1, ""}

func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.number, 10) + " " + p.text))
}

func readCursor(cursor string) (position, error) {
	if cursor == "" {
		return end, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	number, rest, found := strings.Cut(string(text), " ")
	n, numberErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !found || numberErr != nil || strings.ToValidUTF8(rest, "") != rest ||
		strings.ContainsRune(rest, 0) {
		return end, problem.New(problem.Invalid, problem.CodeInvalidCursor,
			"The cursor is not one that a page of this list gave. Begin without one.")
	}
	return position{n, rest}, nil
}
