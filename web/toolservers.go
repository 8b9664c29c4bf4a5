package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/tools"
	"beckon/tools/names"
)

// toolServerFields are the fields of the form, in its order.
var toolServerFields = []labelled{
	{"timeout", "Timeout"},
	{"disabled", "Disabled"},
	{"command", "Program and arguments"},
	{"env", "Environment"},
	{"maxMemory", "Memory limit"},
	{"url", "URL"},
	{"headers", "Headers"},
	{"secrets", "Secrets"},
}

// toolServerForm is a tool server as its form has it. None of its secrets is in it.
type toolServerForm struct {
	ID, Name, Command, MaxMemory, URL, Timeout string
	Env, Headers, Secrets                      []headerLine
	Disabled                                   bool
	Retype                                     bool // a secret was typed, and is not in the form any more
}

func (w *Web) toolServerForms() nounPages[tools.Server, toolServerForm] {
	return nounPages[tools.Server, toolServerForm]{
		form: formOf(names.Section), web: w, template: "toolserver",
		newItem: func(context.Context, url.Values) (tools.Server, error) { return tools.Server{}, nil },
		formFor: toolServerFormOf, read: readToolServer,
		listNote: func(s tools.Server) string { return connectionState(w.Backend.Tools.Status(s.ID)) },
		screen: func(c echo.Context, f nounForm[toolServerForm], kept *tools.Server) (any, error) {
			return w.toolServerScreen(f, toolTry{Tool: c.QueryParam("tool")}), nil
		},
		noticeFor: func(c echo.Context) string {
			if c.QueryParam("done") == "asked" {
				return "Asked: below is what came of it."
			}
			return noticeOf("tool server", c.QueryParam("done"))
		},
		posts: func(id string) map[string]echo.HandlerFunc {
			if id == "" {
				return nil
			}
			return map[string]echo.HandlerFunc{"/connect": w.connectToolServer, "/try": w.tryTool}
		},
	}
}

func (w *Web) toolServerPages() []page { return w.toolServerForms().pages() }

func toolServerFormOf(s tools.Server) toolServerForm {
	f := toolServerForm{
		ID:       s.ID,
		Name:     s.Name,
		Command:  strings.Join(s.Command, "\n"),
		URL:      secret.ShownURL(s.URL),
		Timeout:  writeDuration(s.Timeout),
		Env:      headerLines(s.Env),
		Headers:  headerLines(s.Headers),
		Secrets:  headerLines(s.Secrets),
		Disabled: s.Disabled,
	}
	if s.Memory != 0 {
		text, _ := s.Memory.MarshalYAML()
		f.MaxMemory = fmt.Sprint(text)
	}
	return f
}

func readToolServer(sent url.Values, have tools.Server) (toolServerForm, tools.Server, problem.Fields) {
	var wrong problem.Fields
	f := toolServerForm{
		ID:        trimmed(sent, "id"),
		Name:      trimmed(sent, "name"),
		Command:   strings.TrimSpace(sent.Get("command")),
		MaxMemory: trimmed(sent, "maxMemory"),
		URL:       trimmed(sent, "url"),
		Timeout:   trimmed(sent, "timeout"),
		Disabled:  sent.Get("disabled") == "true",
	}
	s := tools.Server{
		ID:       f.ID,
		Name:     catalog.OmitDefault(f.Name, f.ID),
		URL:      f.URL,
		Timeout:  typedDuration(&wrong, "timeout", f.Timeout),
		Disabled: f.Disabled,
	}
	for line := range strings.Lines(f.Command) {
		s.Command = append(s.Command, strings.TrimSuffix(line, "\n"))
	}
	if f.MaxMemory != "" && s.Memory.UnmarshalText([]byte(f.MaxMemory)) != nil {
		wrong.Add("maxMemory", "must be a size such as 512MiB or 4GiB")
	}
	var typed [3]bool
	f.Env, s.Env, typed[0] = typedValues(sent, "env", "env", have.Env, &wrong)
	f.Headers, s.Headers, typed[1] = typedHeaders(sent, have.Headers, &wrong)
	f.Secrets, s.Secrets, typed[2] = typedValues(sent, "secrets", "secret", have.Secrets, &wrong)
	f.Retype = typed[0] || typed[1] || typed[2]
	return f, s, wrong
}

// toolServerScreen is what the page of a tool server shows: its form, and how it is.
type toolServerScreen struct {
	nounForm[toolServerForm]
	Status tools.Status
	State  string
	Try    toolTry
}

// toolTry is a tool that somebody tries, and what came of it.
type toolTry struct {
	Tool, Arguments string
	IsDone          bool
	Text            string
	IsError         bool   // the tool says so
	Error           string // why it was not called, or has no result
}

func (w *Web) toolServerScreen(f nounForm[toolServerForm], try toolTry) toolServerScreen {
	s := toolServerScreen{nounForm: f, Try: try}
	if f.ID != "" {
		s.Status = w.Backend.Tools.Status(f.ID)
		s.State = connectionState(s.Status)
	}
	return s
}

// connectionState says how a server is.
func connectionState(s tools.Status) string {
	switch s.State {
	case tools.StateConnected:
		return "connected"
	case tools.StateConnecting:
		return "connecting"
	case tools.StateFailed:
		return "cannot be used"
	case tools.StateDisabled:
		return "disabled"
	}
	return "not connected"
}

// connectToolServer connects to a server and lists its tools.
func (w *Web) connectToolServer(c echo.Context) error {
	id := idParam(c)
	if _, err := resources[tools.Server](w).Get(c.Request().Context(), id); err != nil {
		return err
	}
	w.Backend.Tools.Connect(c.Request().Context(), id)
	return redirect(c, addressOf(formOf(names.Section).path(), id)+"?done=asked#tools")
}

// tryTool calls a tool, and shows the page with what came of it.
func (w *Web) tryTool(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	pages, id, ctx := w.toolServerForms(), idParam(c), c.Request().Context()
	f, _, err := pages.savedForm(ctx, id)
	if err != nil {
		return err
	}
	try := toolTry{Tool: trimmed(sent, "tool"), Arguments: sent.Get("arguments"), IsDone: true}
	name := tools.NameIn(id, try.Tool)
	if err := w.Backend.Editor.Note(ctx, userOf(c), "try", names.Section, id, map[string]any{"tool": name}); err != nil {
		return err
	}
	result, err := w.Backend.Tools.Try(ctx, name, []byte(try.Arguments))
	if try.Text, try.IsError = result.Text, result.IsError; err != nil {
		if ctx.Err() != nil {
			return err
		}
		try.Error = problem.Of(err).Detail
	}
	return w.screens.draw(c, http.StatusOK, pages.pageOf(id), w.toolServerScreen(f, try))
}
