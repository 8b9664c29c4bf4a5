package web

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

const (
	runsPath = "/admin/runs"
	// maxExcerpt is how much of a prompt the list has.
	maxExcerpt = 80
)

// runList is what the list shows.
type runList struct {
	Views             views
	Filter            runFilter
	Statuses, Sources []string
	Clients, Agents   []string // ids to choose from
	Rows              []runRow
	Approvals         []approvalRow // the calls of all runs that wait for a person
	Address           string        // of this page
	Live              bool          // it shows the newest, and keeps up with them
	Next              string        // the address of the next page; empty on the last
	Looked            int64         // how many runs were looked at for a search that goes on; 0 when it has seen all
	Short             bool          // there may be more of them than are shown, for which nobody has looked yet
	Error             string        // what is wrong with the search
}

// runRow is a run in the list.
type runRow struct {
	ID, Status, Client, Agent, Source string
	At                                time.Time
	Took                              time.Duration
	Tokens                            int64
	Cost                              string // empty where no model has a price
	Title                             string // what its event says, or how its input begins
	Error                             string
	Picks                             bool // it can be picked, to be compared with another one
}

// runPages are those of the runs.
func (w *Web) runPages() []page {
	return []page{w.runsPage(), w.comparePage(), w.runPage(), w.runTextPage(), w.runEventsPage()}
}

func (w *Web) runsPage() page {
	return page{path: runsPath, template: "runs", title: "Runs", data: w.showRuns, posts: w.viewPosts(runsPath)}
}

func (w *Web) showRuns(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	f := readRunFilter(c.QueryParams())
	list := newRunList(f)
	list.Live = f.Cursor == ""
	if f.isWholeID() {
		if _, err := w.Backend.Runs.Get(ctx, f.prefix); err == nil {
			return nil, redirect(c, runAddress(f.prefix, ""))
		} else if !problem.Is(err, problem.NotFound) {
			return nil, err
		}
		list.Error = "No run has this ID. Runs older than the retention time are deleted."
	}
	if list.Error == "" {
		found, err := w.findRuns(ctx, f)
		if err != nil {
			return nil, err
		}
		if found.next != "" {
			list.Next = f.address(found.next)
		}
		if f.needsReading() && found.next != "" {
			list.Looked = int64(found.looked)
		}
		list.Short = found.next != "" && len(found.list) < runs.DefaultPage
		for _, r := range found.list {
			row := w.newRunRow(r)
			row.Picks = true
			list.Rows = append(list.Rows, row)
		}
	}
	if c.Request().Header.Get("HX-Request") != "" {
		return list, nil // which asks for the rows alone
	}
	var err error
	if list.Views, err = w.viewsOf(ctx, runsPath, list.Address); err != nil {
		return nil, err
	}
	return list, errors.Join(w.addApprovals(ctx, &list), w.addRunChoices(ctx, &list))
}

func newRunList(f runFilter) runList {
	return runList{
		Filter:  f,
		Address: f.address(f.Cursor),
		Error:   f.wrong,
		Statuses: []string{
			string(runs.Queued), string(runs.Running), string(runs.Waiting), string(runs.Completed),
			string(runs.Failed), string(runs.Canceled),
		},
		Sources: []string{runs.SourceWebhook, runs.SourceAPI, runs.SourceForm, runs.SourcePage, runs.SourceSchedule},
	}
}

func (w *Web) newRunRow(r *runs.Run) runRow {
	row := runRow{
		ID:     r.ID,
		Status: string(r.Status),
		Client: r.ClientID,
		Agent:  r.WorkflowID,
		Source: r.Source,
		At:     r.CreatedAt,
		Took:   w.timeTaken(r),
		Tokens: int64(r.Usage.TotalTokens),
		Cost:   costText(r.Usage.Cost),
		Title:  firstCharacters(cmp.Or(r.Headline(), r.Input), maxExcerpt),
	}
	if r.Error != nil {
		row.Error = r.Error.Message
	}
	return row
}

// timeTaken returns how long a run took, or has been running; unknown where it has not begun.
func (w *Web) timeTaken(r *runs.Run) time.Duration {
	end := r.CompletedAt
	if r.Status == runs.Running {
		end = w.Now()
	}
	if r.StartedAt.IsZero() || end.IsZero() {
		return unknown
	}
	return max(end.Sub(r.StartedAt), 0)
}

// addRunChoices offers what there is now; a run may be of what is gone, so that anything can be typed.
func (w *Web) addRunChoices(ctx context.Context, list *runList) (err error) {
	if list.Clients, err = idsOf[clients.Client](ctx, w); err != nil {
		return err
	}
	list.Agents, err = w.invocables(ctx)
	list.Clients, list.Agents = limitChoices(list.Clients), limitChoices(list.Agents)
	return err
}

// limitChoices returns the first ids, as many as a field can reasonably offer.
func limitChoices(ids []string) []string { return ids[:min(len(ids), 100)] }

// firstCharacters shortens a text to at most so many bytes without cutting a character, and adds an ellipsis.
func firstCharacters(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:wholeCharacters(text, most)] + "…"
}

// wholeCharacters returns the length of the longest beginning of a text of at most so many bytes that cuts no character.
func wholeCharacters(text string, most int) int {
	for most > 0 && most < len(text) && !utf8.RuneStart(text[most]) {
		most--
	}
	return min(most, len(text))
}

// runAddress is the page of a run.
func runAddress(id, done string) string {
	address := runsPath + "/" + url.PathEscape(id)
	if done != "" {
		address += "?done=" + done
	}
	return address
}
