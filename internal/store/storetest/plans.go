package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/internal/store"
)

// large are the tables that grow with every call. All others have few rows, however long a gateway has worked.
var large = []string{"runs", "events", "nodes", "deliveries", "attempts", "idempotency_keys", "audit"}

// mostRows is how many rows of a large table one statement may read, of the 20,000 runs that a test should put on record.
const mostRows = 5000

// Statements are those that a store was given, each text once.
type Statements struct {
	s    *store.Store
	mu   sync.Mutex
	list map[string]statement // by its text without the length of its lists
}

type statement struct {
	text   string
	values []any
}

// Record notes the statements that a store is given from now on, except for those that pass by gorm.
func Record(t testing.TB, s *store.Store) *Statements {
	r := &Statements{s: s, list: map[string]statement{}}
	ctx := context.Background()
	r.watch(t, s.Read(ctx))
	require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
		r.watch(t, tx)
		return nil
	}))
	return r
}

func (r *Statements) watch(t testing.TB, db *gorm.DB) {
	const name = "storetest:record"
	require.NoError(t, db.Callback().Query().After("gorm:query").Replace(name, r.note))
	require.NoError(t, db.Callback().Row().After("gorm:row").Replace(name, r.note))
	require.NoError(t, db.Callback().Raw().After("gorm:raw").Replace(name, r.note))
}

var listOfValues = regexp.MustCompile(`\((\?|\$\d+)(, ?(\?|\$\d+))*\)`)

func (r *Statements) note(db *gorm.DB) {
	text := db.Statement.SQL.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	if key := listOfValues.ReplaceAllString(text, "(…)"); r.list[key].text == "" {
		r.list[key] = statement{text, slices.Clone(db.Statement.Vars)}
	}
}

// Costly returns each statement that reads all of a large table or of an index on all of it, or sorts many rows, with what is
// wrong about it. exempt are parts of statements that may do so.
func (r *Statements) Costly(t *testing.T, exempt ...string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NotEmpty(t, r.list)
	pool, err := r.s.Read(context.Background()).DB()
	require.NoError(t, err)
	explain := explainSQLite
	if r.s.Shared() {
		explain = explainPostgres
	}
	for _, st := range r.list {
		first, _, _ := strings.Cut(st.text, " ")
		isExempt := slices.ContainsFunc(exempt, func(part string) bool { return strings.Contains(st.text, part) })
		if isExempt || !slices.Contains([]string{"SELECT", "WITH", "UPDATE", "DELETE", "INSERT"}, first) {
			continue
		}
		if wrong := explain(t, pool, st); len(wrong) > 0 {
			list = append(list, strings.Join(wrong, ", ")+" in: "+listOfValues.ReplaceAllString(st.text, "(…)"))
		}
	}
	t.Logf("%d statements were explained", len(r.list))
	return list
}

var scanned = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)

// explainSQLite reads https://www.sqlite.org/eqp.html.
func explainSQLite(t *testing.T, pool *sql.DB, st statement) (wrong []string) {
	rows, err := pool.Query("EXPLAIN QUERY PLAN "+st.text, st.values...)
	require.NoError(t, err, st.text)
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	for _, step := range steps {
		m := scanned.FindStringSubmatch(step)
		switch {
		case m != nil && isLarge(st.text, m[1]) && !isPartial(t, pool, m[2]):
			wrong = append(wrong, step)
		case strings.HasPrefix(step, "USE TEMP B-TREE") && slices.ContainsFunc(large, func(table string) bool { return strings.Contains(st.text, " "+table+" ") }):
			wrong = append(wrong, step)
		}
	}
	return wrong
}

// isLarge also knows the tables by the short names that a statement gives them.
func isLarge(text, name string) bool {
	return slices.ContainsFunc(large, func(table string) bool {
		return name == table || regexp.MustCompile(`\b`+table+` (AS )?`+name+`\b`).MatchString(text)
	})
}

func isPartial(t *testing.T, pool *sql.DB, index string) bool {
	if index == "" {
		return false
	}
	var definition sql.NullString
	require.NoError(t, pool.QueryRow("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", index).Scan(&definition))
	return strings.Contains(definition.String, " WHERE ")
}

// plan is a node of https://www.postgresql.org/docs/current/sql-explain.html in JSON.
type plan struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Planned  float64 `json:"Plan Rows"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []plan
}

// explainPostgres also runs what only reads, to know how many rows it does read.
func explainPostgres(t *testing.T, pool *sql.DB, st statement) []string {
	options := "FORMAT JSON"
	if strings.HasPrefix(st.text, "SELECT") || strings.HasPrefix(st.text, "WITH") {
		options += ", ANALYZE, TIMING OFF"
	}
	var text []byte
	require.NoError(t, pool.QueryRow("EXPLAIN ("+options+") "+st.text, st.values...).Scan(&text), st.text)
	var explained []struct{ Plan plan }
	require.NoError(t, json.Unmarshal(text, &explained))
	return explained[0].Plan.wrong()
}

func (p plan) wrong() (list []string) {
	read := (p.Rows + p.Removed) * p.Loops
	switch {
	case p.Type == "Seq Scan" && slices.Contains(large, p.Relation):
		list = append(list, "Seq Scan on "+p.Relation)
	case slices.Contains(large, p.Relation) && read > mostRows:
		list = append(list, fmt.Sprintf("%s reads %.0f rows of %s by %s", p.Type, read, p.Relation, p.Index))
	case p.Type == "Sort" && max(p.Planned, p.Rows) > mostRows:
		list = append(list, fmt.Sprintf("sorts %.0f rows", max(p.Planned, p.Rows)))
	}
	for _, child := range p.Plans {
		list = append(list, child.wrong()...)
	}
	return list
}
