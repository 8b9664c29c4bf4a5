package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/internal/config"
	"beckon/internal/problem"
)

const (
	// aroundMistake is how many lines are shown before and after one with a mistake.
	aroundMistake = 2
	maxShownLine  = 200 // characters
)

// flowText is a flow as YAML, as it was typed.
type flowText struct {
	Text     string
	Mistakes []config.Mistake
	Lines    []textLine // around the mistakes
	Root     *stepForm  // the drawing; nil while there are mistakes
	TooLarge bool       // for the other form
}

// textLine is a line of the text with what is wrong in it.
type textLine struct {
	Number int
	Text   string
	Errors []string
	Gap    bool // lines in front of it are left out
}

func (w *Web) flowTextOf(f agents.Flow) flowText {
	form := flowFormOf(f)
	return flowText{Root: &form.Root, TooLarge: form.TooLarge, Text: w.writeFlow(f, nil)}
}

// writeFlow writes a flow as YAML; typed is what could not be read of it. An empty text is for one that cannot be written.
func (w *Web) writeFlow(f agents.Flow, typed map[string]string) string {
	text, err := config.WriteItem(f, typed)
	if err != nil {
		w.Log.Error("a flow could not be written as YAML", slog.String("flow", f.ID), slog.Any("error", err))
	}
	return text
}

func (w *Web) readFlowText(sent url.Values, have agents.Flow) (flowText, agents.Flow, problem.Fields) {
	text := flowText{Text: sent.Get("yaml")}
	item, mistakes, err := config.ReadItem(text.Text, resources[agents.Flow](w).Kind)
	flow, _ := item.(agents.Flow)
	switch {
	case err != nil:
		mistakes = []config.Mistake{{Text: problem.Of(err).Detail}}
	case len(mistakes) == 0 && have.ID != "" && flow.ID != have.ID:
		mistakes = w.withLines(text.Text,
			problem.Fields{{Path: "id", Message: "must stay " + have.ID + "; make a new flow, and delete this one"}})
	}
	if len(mistakes) > 0 {
		return text, flow, text.setMistakes(mistakes)
	}
	form := flowFormOf(flow)
	text.Root, text.TooLarge = &form.Root, form.TooLarge
	return text, flow, nil
}

// explainFlow finds the lines of what is wrong with the fields of a flow.
func (w *Web) explainFlow(f *nounForm[flowText]) {
	if len(f.Form.Mistakes) > 0 || !slices.ContainsFunc(f.Errors, func(e problem.Field) bool { return e.Path != "" }) {
		return
	}
	f.Errors = f.Form.setMistakes(w.withLines(f.Form.Text, f.Errors))
}

// summarizeMistakes sums up why a text can neither be drawn nor go over to the form.
func summarizeMistakes(_ context.Context, do string, f *nounForm[flowText], _, _ agents.Flow) error {
	if len(f.Form.Mistakes) == 0 {
		return nil
	}
	f.Errors, f.Refused = f.Form.setMistakes(f.Form.Mistakes), "drawn"
	if do == "form" {
		f.Refused = "shown as a form"
	}
	return nil
}

// withLines finds the lines of what is wrong.
func (w *Web) withLines(text string, wrong problem.Fields) (list []config.Mistake) {
	for _, f := range wrong {
		line := config.LineOfItem(text, resources[agents.Flow](w).Kind, f.Path)
		list = append(list, config.Mistake{Line: line, Path: f.Path, Text: f.Message})
	}
	return list
}

// setMistakes shows mistakes in their lines, and returns them for the summary.
func (t *flowText) setMistakes(mistakes []config.Mistake) (summary problem.Fields) {
	slices.SortStableFunc(mistakes, func(a, b config.Mistake) int { return cmp.Compare(a.Line, b.Line) })
	t.Mistakes, t.Lines = mistakes, nil
	wrong := map[int][]string{}
	for _, m := range mistakes {
		text := config.Mistake{Path: m.Path, Text: m.Text}.String()
		wrong[m.Line] = append(wrong[m.Line], text)
		if m.Line > 0 {
			text = fmt.Sprintf("line %d: %s", m.Line, text)
		}
		summary.Add("yaml", "%s", text)
	}
	last := 0
	for i, line := range strings.Split(t.Text, "\n") {
		number := i + 1
		if !anyWithin(wrong, number-aroundMistake, number+aroundMistake) {
			continue
		}
		t.Lines = append(t.Lines, textLine{Number: number, Text: cutLine(line), Errors: wrong[number], Gap: number > last+1})
		last = number
	}
	return summary
}

func anyWithin(wrong map[int][]string, from, to int) bool {
	for line := max(from, 1); line <= to; line++ {
		if len(wrong[line]) > 0 {
			return true
		}
	}
	return false
}

func cutLine(line string) string {
	if r := []rune(line); len(r) > maxShownLine {
		return string(r[:maxShownLine]) + "…"
	}
	return line
}
