package web

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"beckon/runs"
)

// The bounds of one search that has to read runs. The next page goes on where it has stopped.
const (
	maxLooked   = 2000
	maxLookTime = 50 * time.Millisecond
)

// runFilter is what a list of runs is asked for.
type runFilter struct {
	Client, Agent, Status, Source string
	Search                        string // as it was typed
	Since, Until                  string // times of RFC 3339, as links from charts have them
	Cursor                        string

	prefix      string // of the ids that are searched for
	name, value string // of the metadata that is searched for
	wrong       string

	since, until time.Time
}

// A run's id has the 26 characters of a ULID behind run_, the first of which is at most 7.
var (
	runIDStart = regexp.MustCompile(`^(?i)(run_)?[0-7][0-9a-hjkmnp-tv-z]{3,25}$`)
	runIDWhole = len("run_") + 26
)

func readRunFilter(asked url.Values) runFilter {
	text := func(name string) string { return strings.TrimSpace(asked.Get(name)) }
	f := runFilter{
		Client: text("client"),
		Agent:  text("agent"),
		Status: text("status"),
		Source: text("source"),
		Search: text("q"),
		Since:  text("since"),
		Until:  text("until"),
		Cursor: asked.Get("cursor"),
	}
	f.since, f.until = timeInAddress(f.Since), timeInAddress(f.Until)
	name, value, isPair := strings.Cut(f.Search, "=")
	switch {
	case f.Search == "":
	case isPair && strings.TrimSpace(name) != "":
		f.name, f.value = strings.TrimSpace(name), strings.TrimSpace(value)
	case runIDStart.MatchString(f.Search):
		rest := strings.ToUpper(f.Search)
		f.prefix = "run_" + strings.TrimPrefix(rest, "RUN_")
	default:
		f.wrong = "Search for the beginning of a run's ID, such as run_01KA, or for a metadata name and value, " +
			"such as orderId=order_456. Texts are not searched."
	}
	return f
}

// isWholeID reports whether the search is for one run, by its whole id.
func (f runFilter) isWholeID() bool { return len(f.prefix) == runIDWhole }

// needsReading reports whether runs have to be read to know whether they match: the database has no index for that.
func (f runFilter) needsReading() bool { return f.Source != "" || f.name != "" }

// Any reports whether the list leaves anything out.
func (f runFilter) Any() bool {
	return f.Client != "" || f.Agent != "" || f.Status != "" || f.Source != "" || f.Search != "" || f.Since != "" || f.Until != ""
}

// address is a page of the list.
func (f runFilter) address(cursor string) string {
	return filtered(runsPath, "client", f.Client, "agent", f.Agent, "status", f.Status, "source", f.Source, "q", f.Search, "since", f.Since,
		"until", f.Until, "cursor", cursor)
}

// filtered is an address with those of the parameters that say something.
func filtered(path string, parameters ...string) string {
	query := url.Values{}
	for pair := range slices.Chunk(parameters, 2) {
		if pair[1] != "" {
			query.Set(pair[0], pair[1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// matches reports whether a run matches the parts of the filter that the database does not evaluate.
func (f runFilter) matches(r *runs.Run) bool {
	if f.Source != "" && r.Source != f.Source {
		return false
	}
	return f.name == "" || hasMetadata(r.Metadata, f.name, f.value)
}

// hasMetadata compares a string by what it says, and everything else as JSON writes it.
func hasMetadata(metadata json.RawMessage, name, value string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(metadata, &members) != nil {
		return false
	}
	raw, ok := members[name]
	if !ok {
		return false
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		return text == value
	}
	return string(raw) == value
}

// foundRuns is a page of them.
type foundRuns struct {
	list   []*runs.Run
	next   string // the cursor behind the last one that was looked at; empty when that was the last there is
	looked int
}

// findRuns looks for a page of runs. What the database can't tell it reads, newest first, as many as there is time for.
func (w *Web) findRuns(ctx context.Context, f runFilter) (found foundRuns, err error) {
	q := runs.Query{
		ClientID: f.Client,
		Agent:    f.Agent,
		Status:   runs.Status(f.Status),
		Prefix:   f.prefix,
		Since:    f.since,
		Until:    f.until,
		Limit:    runs.DefaultPage,
		Cursor:   f.Cursor,
		Brief:    true,
	}
	until := w.Now().Add(maxLookTime)
	for {
		var list []*runs.Run
		if list, found.next, err = w.Backend.Runs.List(ctx, q); err != nil {
			return found, err
		}
		found.looked += len(list)
		for _, r := range list {
			if f.matches(r) {
				found.list = append(found.list, r)
			}
		}
		tookLong := len(list) < q.Limit && found.next != "" // the store has looked for these as long as it may
		enough := len(found.list) >= runs.DefaultPage || found.looked >= maxLooked || tookLong || w.Now().After(until)
		if found.next == "" || enough {
			return found, nil
		}
		q.Cursor = found.next
	}
}
