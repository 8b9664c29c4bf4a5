package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
)

// large are the tables that grow with every call. All others have few rows, however long a gateway has worked.
var large = []string{"runs", "events", "nodes", "deliveries", "attempts", "idempotency_keys", "audit"}

// mostRows is how many rows of a large table one statement may read, of the 20,000 runs that a test should put on
// record.
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

// Record notes the statements that a store is given from now on.
func Record(s *store.Store) *Statements {
	r := &Statements{s: s, list: map[string]statement{}}
	s.Watch(r.note)
	return r
}

var listOfValues = regexp.MustCompile(`\((\?|NULL|-?\d+)(, ?(\?|NULL|-?\d+))*\)(, \((\?|NULL|-?\d+)(, ?(\?|NULL|-?\d+))*\))*`)

func (r *Statements) note(text string, values []any) {
	text = strings.Join(strings.Fields(text), " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	if key := listOfValues.ReplaceAllString(text, "(…)"); r.list[key].text == "" {
		r.list[key] = statement{text, slices.Clone(values)}
	}
}

// Costly returns each statement that reads all of a large table or of an index on all of it, or sorts many rows,
// with what is wrong about it. exempt are parts of statements that may do so.
func (r *Statements) Costly(t *testing.T, exempt ...string) (list []string) {
	r.mu.Lock()
	recorded := slices.Collect(maps.Values(r.list)) // those that explain are noted as well
	r.mu.Unlock()
	require.NotEmpty(t, recorded)
	tx := r.s.Read(context.Background())
	explain := explainSQLite
	if r.s.Shared() {
		explain = explainPostgres
	}
	for _, st := range recorded {
		first, _, _ := strings.Cut(st.text, " ")
		isExempt := slices.ContainsFunc(exempt, func(part string) bool { return strings.Contains(st.text, part) })
		if isExempt || !slices.Contains([]string{"SELECT", "WITH", "UPDATE", "DELETE", "INSERT"}, first) {
			continue
		}
		if wrong := explain(t, tx, st); len(wrong) > 0 {
			list = append(list, strings.Join(wrong, ", ")+" in: "+listOfValues.ReplaceAllString(st.text, "(…)"))
		}
	}
	t.Logf("%d statements were explained", len(recorded))
	return list
}

var scanned = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)

// explainSQLite reads https://www.sqlite.org/eqp.html.
func explainSQLite(t *testing.T, tx store.Tx, st statement) (wrong []string) {
	steps, err := store.Rows[struct{ Detail string }](tx, "EXPLAIN QUERY PLAN "+st.text, st.values...)
	require.NoError(t, err, st.text)
	for _, s := range steps {
		step := s.Detail
		m := scanned.FindStringSubmatch(step)
		switch {
		case m != nil && isLarge(st.text, m[1]) && !isOfFew(t, tx, m[2]):
			wrong = append(wrong, step)
		case strings.HasPrefix(step, "USE TEMP B-TREE") &&
			slices.ContainsFunc(large, func(table string) bool { return strings.Contains(st.text, " "+table+" ") }):
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

// growing are the conditions of partial indexes that get longer with every call: of what has ended, and of what most rows have.
var growing = regexp.MustCompile(`WHERE (status (= '(FAILED|DELIVERED)'|<> 'COMPLETED')|\w+ IS NOT NULL)$`)

// isOfFew reports whether an index has only the rows that somebody is working on, or is to work on.
func isOfFew(t *testing.T, tx store.Tx, index string) bool {
	if index == "" {
		return false
	}
	definition, _, err := store.Row[string](tx,
		"SELECT COALESCE(sql, '') FROM sqlite_master WHERE type = 'index' AND name = ?", index)
	require.NoError(t, err)
	return strings.Contains(definition, " WHERE ") && !growing.MatchString(definition)
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
func explainPostgres(t *testing.T, tx store.Tx, st statement) []string {
	options := "FORMAT JSON"
	if strings.HasPrefix(st.text, "SELECT") || strings.HasPrefix(st.text, "WITH") {
		options += ", ANALYZE, TIMING OFF"
	}
	text, _, err := store.Row[string](tx, "EXPLAIN ("+options+") "+st.text, st.values...)
	require.NoError(t, err, st.text)
	var explained []struct{ Plan plan }
	require.NoError(t, json.Unmarshal([]byte(text), &explained))
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
