package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/sergi/go-diff/diffmatchpatch"

	"beckon/internal/problem"
	"beckon/runs"
)

const (
	comparePath = runsPath + "/compare"
	// maxCompared is how much of a text is compared, and maxCompareTime how long that may take: what is left then counts as changed.
	maxCompared    = 32 << 10
	maxCompareTime = 200 * time.Millisecond
	maxCandidates  = 20
)

// comparison is what the page of two runs shows. Without the second one it offers runs to compare the first with.
type comparison struct {
	A, B       *runs.Run
	Error      string
	Candidates []candidate
	Facts      []comparedFact
	Texts      []comparedText
}

// candidate is a run to compare with, and the address of that.
type candidate struct {
	runRow
	Address string
}

// comparedFact is a fact about each of two runs.
type comparedFact struct {
	Name, A, B string
	Change     string // from A to B; empty where that is no number, or nothing is known
}

// Differs reports whether the fact is another one.
func (f comparedFact) Differs() bool { return f.A != f.B }

// comparedText is a text of each of two runs in pieces.
type comparedText struct {
	Title          string
	A, B           []piece
	WholeA, WholeB string // the addresses of texts of which only the beginning is here
}

// Same reports whether the texts are equal, as far as they are compared.
func (t comparedText) Same() bool {
	return !slices.ContainsFunc(t.A, isChanged) && !slices.ContainsFunc(t.B, isChanged)
}

// piece is a part of a text.
type piece struct {
	Text    string
	Changed bool // the other text does not have it
}

func isChanged(p piece) bool { return p.Changed }

// Crumb is its place below the list.
func (c comparison) Crumb() string { return "Compare" }

// AddressA and AddressB are the pages of the runs.
func (c comparison) AddressA() string { return runAddress(c.A.ID, "") }

func (c comparison) AddressB() string { return runAddress(c.B.ID, "") }

// Swapped compares the other way round.
func (c comparison) Swapped() string { return filtered(comparePath, "a", c.B.ID, "b", c.A.ID) }

// OtherAddress offers other runs to compare the first with.
func (c comparison) OtherAddress() string { return filtered(comparePath, "a", c.A.ID) }

// CompareAddress is where a run is compared with others.
func (s runScreen) CompareAddress() string { return filtered(comparePath, "a", s.Run.ID) }

func (w *Web) comparePage() page {
	return page{path: comparePath, template: "compare", title: "Runs", data: w.showComparison}
}

func (w *Web) showComparison(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	picked := c.QueryParams()["run"] // as the list of runs sends them
	switch {
	case len(picked) == 1:
		return nil, redirect(c, filtered(comparePath, "a", picked[0]))
	case len(picked) == 2:
		return nil, redirect(c, filtered(comparePath, "a", picked[0], "b", picked[1]))
	case len(picked) > 2:
		return w.offerRuns(ctx, picked[0],
			"Only two runs can be compared. The first one that you selected is kept: choose the other one here.")
	case c.QueryParam("a") == "":
		return nil, redirect(c, runsPath)
	}
	b := strings.TrimSpace(c.QueryParam("b"))
	if b == "" {
		return w.offerRuns(ctx, c.QueryParam("a"), "")
	}
	other, err := w.Backend.Runs.Get(ctx, b)
	if problem.Is(err, problem.NotFound) {
		return w.offerRuns(ctx, c.QueryParam("a"), "No run has this ID. Runs older than the retention time are deleted.")
	}
	if err != nil {
		return nil, err
	}
	one, err := w.Backend.Runs.Get(ctx, c.QueryParam("a"))
	if err != nil {
		return nil, err
	}
	return w.compare(one, other), nil
}

// offerRuns lists runs to compare one with: the latest of the same agent or flow.
func (w *Web) offerRuns(ctx context.Context, id, wrong string) (any, error) {
	one, err := w.Backend.Runs.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	list, _, err := w.Backend.Runs.List(ctx, runs.Query{Agent: one.WorkflowID, Limit: maxCandidates, Brief: true})
	if err != nil {
		return nil, err
	}
	offered := comparison{A: one, Error: wrong}
	for _, r := range list {
		if r.ID != one.ID {
			offered.Candidates = append(offered.Candidates, candidate{w.newRunRow(r), filtered(comparePath, "a", one.ID, "b", r.ID)})
		}
	}
	return offered, nil
}

func (w *Web) compare(a, b *runs.Run) comparison {
	took := [2]time.Duration{w.timeTaken(a), w.timeTaken(b)}
	fact := func(name string, of func(*runs.Run) string) comparedFact {
		return comparedFact{Name: name, A: of(a), B: of(b)}
	}
	amount := func(name string, of func(*runs.Run) int64) comparedFact {
		f := fact(name, func(r *runs.Run) string { return number(of(r)) })
		if f.Differs() {
			f.Change = fmt.Sprintf("%s%s", plus(of(b)-of(a)), number(of(b)-of(a)))
		}
		return f
	}
	long := comparedFact{Name: "Duration", A: duration(took[0]), B: duration(took[1])}
	if took[0] >= 0 && took[1] >= 0 && long.Differs() {
		by := took[1] - took[0]
		long.Change = map[bool]string{true: "−", false: "+"}[by < 0] + duration(by.Abs())
	}
	return comparison{A: a, B: b, Facts: []comparedFact{
		fact("Status", func(r *runs.Run) string { return word(r.Status) }),
		fact("Error", func(r *runs.Run) string {
			if r.Error == nil {
				return "–"
			}
			return r.Error.Code
		}),
		fact("Agent or flow", func(r *runs.Run) string { return r.WorkflowID }),
		fact("Model", modelsOf),
		fact("Client", func(r *runs.Run) string { return r.ClientID }),
		fact("Gate", func(r *runs.Run) string { return orDash(r.Verdict) }),
		long,
		amount("Tokens", func(r *runs.Run) int64 { return int64(r.Usage.TotalTokens) }),
		amount("Tokens in", func(r *runs.Run) int64 { return int64(r.Usage.PromptTokens) }),
		amount("Tokens out", func(r *runs.Run) int64 { return int64(r.Usage.CompletionTokens) }),
		fact("Cost", func(r *runs.Run) string { return orDash(costText(r.Usage.Cost)) }),
		fact("Started", func(r *runs.Run) string { return clock(r.CreatedAt) }),
	}, Texts: []comparedText{
		compareTexts("Prompt", a.Input, b.Input, "input", a.ID, b.ID),
		compareTexts("Answer", a.Output, b.Output, "output", a.ID, b.ID),
	}}
}

// plus is the sign of what number writes without one.
func plus(n int64) string {
	if n > 0 {
		return "+"
	}
	return ""
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// modelsOf names the models that have answered in a run, each once.
func modelsOf(r *runs.Run) string {
	var names []string
	add := func(provider, model string) {
		name := strings.TrimSpace(provider + " " + model)
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(r.By.Provider, r.By.Model)
	for _, n := range r.AllNodes() {
		add(n.By.Provider, n.By.Model)
	}
	return orDash(strings.Join(names, ", "))
}

func compareTexts(title, a, b, part, idA, idB string) comparedText {
	t := comparedText{Title: title}
	begin := func(text, id string) (string, string) {
		if len(text) <= maxCompared {
			return text, ""
		}
		return text[:wholeCharacters(text, maxCompared)], filtered(runAddress(id, "")+"/text", "part", part)
	}
	a, t.WholeA = begin(a, idA)
	b, t.WholeB = begin(b, idB)
	differ := diffmatchpatch.New()
	differ.DiffTimeout = maxCompareTime
	for _, d := range differ.DiffCleanupSemantic(differ.DiffMain(a, b, true)) {
		p := piece{d.Text, d.Type != diffmatchpatch.DiffEqual}
		if d.Type != diffmatchpatch.DiffInsert {
			t.A = append(t.A, p)
		}
		if d.Type != diffmatchpatch.DiffDelete {
			t.B = append(t.B, p)
		}
	}
	return t
}
