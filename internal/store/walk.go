package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// walkStep is how many rows are looked at with one query, where only some are wanted.
	walkStep  = 500
	firstStep = 4 // times as many as are wanted: as a rule most rows are
	// walksTogether bounds the walks of one query: SQLite's driver takes the square of the number of values to bind
	// them.
	walksTogether = 20
)

// walkTime is how long rows are looked for before a page is given as it is, with a cursor that goes on. Tests
// change it.
var walkTime = 30 * time.Millisecond

// Walk reads the rows of a table in the order of one of its indexes, newest first. The index has columns that are
// to be equal to some values, and then the id. So a page costs the same however many rows there are.
type Walk struct {
	Table string
	Index []Equal // the columns of the index in front of the id; none is the primary key
	Each  string  // one more column between them and the id, of which every value is wanted; there should be few
	Of    string  // the condition of a partial index; empty for any other
	Only  []Equal // what else is wanted of a row, and no index knows
	From  string  // ids are at least this
	Below string  // and less than this
	// Known are the ids of all rows that are wanted, where somebody knows them: the index is not needed.
	Known []string
}

// Equal wants a column to have a value.
type Equal struct {
	Column, Value string
}

// Page reads up to limit rows of a walk; see Rows for T. each receives a row and returns its id; if it returns
// full, the page ends after that row. stop is the Below of the next page, and empty after the last page. If few
// rows match Only, a page may be short or empty and still have a stop.
func Page[T any](
	tx Tx, w Walk, columns string, limit int, each func(row T) (id string, full bool),
) (stop string, err error) {
	ids, stop, err := w.ids(tx, limit)
	if err != nil || len(ids) == 0 {
		return stop, err
	}
	rows, err := tx.query("SELECT "+columns+" FROM "+w.Table+" WHERE id IN (?) ORDER BY id DESC", []any{ids}).Rows()
	if err != nil {
		return "", tx.classified(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := tx.store.gorm.ScanRows(rows, &row); err != nil {
			return "", tx.classified(err)
		}
		if id, full := each(row); full && id != ids[len(ids)-1] {
			return id, nil
		}
	}
	return stop, tx.classified(rows.Err())
}

// ids are those of a page, and where the next one begins.
func (w Walk) ids(tx Tx, limit int) (ids []string, stop string, err error) {
	if w.Known != nil {
		ids = newestFirst(slices.DeleteFunc(slices.Clone(w.Known), func(id string) bool {
			return id < w.From || id >= w.Below
		}))
		if len(ids) > limit {
			return ids[:limit], ids[limit-1], nil
		}
		return ids, "", nil
	}
	walks, err := w.split(tx)
	if err != nil {
		return nil, "", err
	}
	until := time.Now().Add(walkTime)
	for n := firstStep * limit; ; n = walkStep {
		more, end, err := step(tx, walks, limit+1-len(ids), n, until)
		if err != nil {
			return nil, "", err
		}
		if ids = append(ids, more...); len(ids) > limit {
			return ids[:limit], ids[limit-1], nil
		}
		if end == "" || time.Now().After(until) {
			return ids, end, nil
		}
		for i := range walks {
			walks[i].Below = end
		}
	}
}

// split makes a walk for each value of the column of which all are wanted.
func (w Walk) split(tx Tx) ([]Walk, error) {
	if w.Each == "" {
		return []Walk{w}, nil
	}
	// Each value is looked up behind the last one: to collect them from all rows would take as long as there are rows.
	at := w.Index[0]
	next := fmt.Sprintf("(SELECT %[1]s FROM %[2]s WHERE %[3]s = ? AND %[1]s > %%s ORDER BY %[3]s, %[1]s LIMIT 1)",
		w.Each, w.Table, at.Column)
	found, err := Rows[string](tx, fmt.Sprintf(`WITH RECURSIVE found (value) AS (
			SELECT %s UNION ALL SELECT %s FROM found WHERE value IS NOT NULL
		) SELECT value FROM found WHERE value IS NOT NULL`, fmt.Sprintf(next, "''"),
		fmt.Sprintf(next, "found.value")), at.Value, at.Value)
	walks := make([]Walk, len(found))
	for i, value := range found {
		walks[i] = w
		walks[i].Index, walks[i].Each = []Equal{at, {w.Each, value}}, ""
	}
	return walks, err
}

// step returns the first ids of several walks, which differ in their index only. Where these have to be looked for,
// it looks at n rows, and returns how far all walks have come; end is empty when there is nothing behind. A single
// walk ends at until: n rows can take longer than all the time there is, if the disk has to be read for each.
func step(tx Tx, walks []Walk, limit, n int, until time.Time) (ids []string, end string, err error) {
	if len(walks) == 0 {
		return nil, "", nil
	}
	from, looking := walks[0].From, len(walks[0].Only) > 0 || walks[0].From != ""
	if n = max(n/len(walks), limit); !looking {
		n = limit
	}
	if !looking || len(walks) > 1 {
		until = time.Time{}
	}
	for some := range slices.Chunk(walks, walksTogether) {
		err := look(tx, some, n, until, func(id string, wanted, last bool) {
			if last {
				end = max(end, id)
			}
			if wanted && id >= from {
				ids = append(ids, id)
			}
		})
		if err != nil {
			return nil, "", err
		}
	}
	if !looking || end < from {
		end = ""
	}
	// behind it not all walks have been
	ids = newestFirst(slices.DeleteFunc(ids, func(id string) bool { return id < end }))
	return ids[:min(len(ids), limit)], end, nil
}

func newestFirst(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(b, a) })
	return ids
}

var errTimeIsUp = errors.New("the time to look at rows is up")

// look reads up to n rows of each walk. last says that it is the nth, or that until has passed; the zero time never does.
func look(tx Tx, walks []Walk, n int, until time.Time, found func(id string, wanted, last bool)) error {
	var parts []string
	var values []any
	for i, w := range walks {
		wanted := "TRUE"
		for _, e := range w.Only {
			wanted += " AND COALESCE(" + e.Column + ", '') = ?"
			values = append(values, e.Value)
		}
		where, more := w.where(tx.store.Shared())
		parts = append(parts,
			fmt.Sprintf("SELECT * FROM (SELECT %d AS walk, id, (%s) AS wanted FROM %s WHERE %s LIMIT ?) AS walked",
				i, wanted, w.Table, where))
		values = append(append(values, more...), n)
	}
	counts := make([]int, len(walks))
	err := tx.Each(func(scan func(into ...any) error) error {
		var walk int
		var id string
		var wanted bool
		if err := scan(&walk, &id, &wanted); err != nil {
			return err
		}
		counts[walk]++
		isOver := !until.IsZero() && time.Now().After(until)
		if found(id, wanted, isOver || counts[walk] == n); isOver {
			return errTimeIsUp
		}
		return nil
	}, strings.Join(parts, " UNION ALL "), values...)
	if errors.Is(err, errTimeIsUp) {
		return nil
	}
	return err
}

// where are the conditions of a walk and its order, so that the database takes the index that is meant. SQLite does
// so for equal columns. PostgreSQL may then as well read the primary key backwards, which is all of the table when
// the rows that are wanted stand at its beginning; for a range of the last column, which only happens to have one
// value, nothing but the index has the order.
func (w Walk) where(shared bool) (string, []any) {
	var conditions []string
	var values []any
	and := func(condition string, more ...any) {
		conditions, values = append(conditions, condition), append(values, more...)
	}
	if w.Of != "" {
		and(w.Of)
	}
	index, order := w.Index, "id DESC"
	if shared && len(index) > 0 {
		last := index[len(index)-1]
		index, order = index[:len(index)-1], last.Column+" DESC, id DESC"
		and(fmt.Sprintf("%[1]s >= ? AND %[1]s <= ? AND (%[1]s, id) < (?, ?)", last.Column), last.Value,
			last.Value, last.Value, w.Below)
	} else {
		and("id < ?", w.Below)
	}
	for _, e := range index {
		and(e.Column+" = ?", e.Value)
	}
	if len(w.Index) == 0 {
		and("id >= ?", w.From)
	}
	return strings.Join(conditions, " AND ") + " ORDER BY " + order, values
}
