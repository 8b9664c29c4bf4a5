package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// nounPages are the pages of a noun: a list, and a form to make, change and delete one. F is the noun as a form has it.
type nounPages[T catalog.Resource, F any] struct {
	form
	web   *Web
	blank func(ctx context.Context, asked url.Values) (T, error) // what a new one begins with
	typed func(T) F                                              // the form of one
	// read takes a form as it was sent, and says what cannot be read. have is what is kept, or the zero T.
	read func(sent url.Values, have T) (F, T, problem.Fields)
	// Another way to edit the same: its templates and the end of its addresses.
	template, suffix string

	// What follows may be nil.

	rows    func(ctx context.Context, list []catalog.Record[T]) (any, error) // what the list shows of each, if not listed
	note    func(T) string                                                   // what the list says of one besides
	choices func(ctx context.Context) ([]string, error)
	// screen is what the page of one shows around the form. kept is nil for a new one.
	screen func(c echo.Context, f nounForm[F], kept *T) (any, error)
	// created answers when one has been made; shown is what nobody is told again.
	created func(c echo.Context, item T, shown secret.String) error
	saved   func(have, item T) string                   // what its address says is done when it has been changed, if not "saved"
	says    func(c echo.Context) string                 // what has been done, by what the address says, if not what noticeOf says
	posts   func(id string) map[string]echo.HandlerFunc // other forms of the page of one, by the ends of their addresses
	// act does what another button than that to save asks for, and shows what came of it in the form.
	act func(ctx context.Context, do string, f *nounForm[F], item, have T) error
	// instead answers with another page that shows what was typed; false when it is not asked for.
	instead func(c echo.Context, do string, f nounForm[F], item T, wrong problem.Fields) (done bool, err error)
	explain func(f *nounForm[F])     // puts what is wrong where it belongs
	notes   func(id string) []string // what the page of one says besides
}

func (p nounPages[T, F]) kept() catalog.Section[T] { return kept[T](p.web) }

// pages are the list at /admin/agents, the form of a new one at …/new and that of each at …/ID. The templates are
// agents.html and agent.html.
func (p nounPages[T, F]) pages() []page { return append([]page{p.listPage()}, p.formPages()...) }

func (p nounPages[T, F]) formPages() []page { return []page{p.pageOf(""), p.pageOf("x")} }

// pageOf is the page of the form of one, or of a new one where id is empty.
func (p nounPages[T, F]) pageOf(id string) page {
	shown := page{path: p.path() + "/new" + p.suffix, template: cmp.Or(p.template, p.one), title: "New " + p.one, data: p.showNew}
	shown.posts = map[string]echo.HandlerFunc{shown.path: p.create}
	at := p.path() + "/new"
	if id != "" {
		at = p.path() + "/:id"
		shown.path, shown.title, shown.data = at+p.suffix, strings.ToUpper(p.one[:1])+p.one[1:], p.showSaved
		shown.posts = map[string]echo.HandlerFunc{shown.path: p.update}
		if p.suffix == "" {
			shown.posts[at+"/delete"] = p.delete
		}
	}
	if p.posts != nil {
		for end, post := range p.posts(id) {
			shown.posts[at+end] = post
		}
	}
	return shown
}

func (p nounPages[T, F]) showNew(c echo.Context) (any, error) {
	blank, err := p.blank(c.Request().Context(), c.QueryParams())
	if err != nil {
		return nil, err
	}
	return p.shown(c, nounForm[F]{Path: p.path(), One: p.one, Form: p.typed(blank)}, nil)
}

func (p nounPages[T, F]) showSaved(c echo.Context) (any, error) {
	f, have, err := p.savedForm(c.Request().Context(), idIn(c))
	if err != nil {
		return nil, err
	}
	f.Notice = p.notice(c)
	return p.shown(c, f, &have)
}

// savedForm is the form of one as it is kept.
func (p nounPages[T, F]) savedForm(ctx context.Context, id string) (f nounForm[F], have T, err error) {
	record, err := p.kept().Get(ctx, id)
	if err != nil {
		return f, have, err
	}
	f = nounForm[F]{Path: p.path(), One: p.one, Form: p.typed(record.Item)}
	aboutSaved(&f, record)
	if p.notes != nil {
		f.Notes = p.notes(f.ID)
	}
	return f, record.Item, nil
}

// shown is what the template gets.
func (p nounPages[T, F]) shown(c echo.Context, f nounForm[F], have *T) (_ any, err error) {
	if p.choices != nil {
		if f.Choices, err = p.choices(c.Request().Context()); err != nil {
			return nil, err
		}
	}
	if p.screen == nil {
		return f, nil
	}
	return p.screen(c, f, have)
}

func (p nounPages[T, F]) draw(c echo.Context, status int, f nounForm[F], have *T) error {
	data, err := p.shown(c, f, have)
	if err != nil {
		return err
	}
	return p.web.screens.draw(c, status, p.pageOf(f.ID), data)
}

func (p nounPages[T, F]) create(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	var none T
	typed, item, wrong := p.read(sent, none)
	f := nounForm[F]{Path: p.path(), One: p.one, Form: typed}
	if do := sent.Get("do"); do != "" {
		return p.acted(c, do, f, item, nil, wrong)
	}
	var shown secret.String
	if err = p.unreadable(wrong); err == nil {
		_, shown, err = p.kept().Create(c.Request().Context(), whoIs(c), item, wrong...)
	}
	switch {
	case err != nil:
		return p.refused(c, f, nil, err)
	case p.created != nil:
		return p.created(c, item, shown)
	}
	return leaveFor(c, addressOf(p.path(), item.Key())+"?done=created")
}

func (p nounPages[T, F]) update(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	f, have, err := p.savedForm(c.Request().Context(), idIn(c))
	if err != nil {
		return err
	}
	sent.Set("id", f.ID)
	typed, item, wrong := p.read(sent, have)
	if !f.Managed { // else its fields are disabled, and send nothing
		f.Form = typed
	}
	f.Version = versionIn(sent)
	if do := sent.Get("do"); do != "" {
		return p.acted(c, do, f, item, &have, wrong)
	}
	if err = p.unreadable(wrong); err == nil {
		_, err = p.kept().Update(c.Request().Context(), whoIs(c), item, f.Version, wrong...)
	}
	if err != nil {
		return p.refused(c, f, &have, err)
	}
	done := "saved"
	if p.saved != nil {
		done = p.saved(have, item)
	}
	return leaveFor(c, f.Address()+"?done="+done)
}

// unreadable refuses a form of one field with mistakes: there is no rest to be judged.
func (p nounPages[T, F]) unreadable(wrong problem.Fields) error {
	if p.suffix == "" {
		return nil
	}
	return wrong.Err()
}

func (p nounPages[T, F]) delete(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	if err := p.kept().Delete(c.Request().Context(), whoIs(c), idIn(c), versionIn(sent)); err != nil {
		return p.refusedTo(c, "deleted", err)
	}
	return leaveFor(c, p.path()+"?done=deleted")
}

// acted draws the form again after another button than that to save.
func (p nounPages[T, F]) acted(c echo.Context, do string, f nounForm[F], item T, have *T, wrong problem.Fields) error {
	if p.instead != nil {
		if done, err := p.instead(c, do, f, item, wrong); err != nil || done {
			return err
		}
	}
	if p.act != nil {
		before := *new(T)
		if have != nil {
			before = *have
		}
		if err := p.act(c.Request().Context(), do, &f, item, before); err != nil {
			return err
		}
	}
	return p.draw(c, http.StatusOK, f, have)
}

// refusedTo draws the page of one as it is kept, with why something cannot be done to it: to be deleted, for one.
func (p nounPages[T, F]) refusedTo(c echo.Context, wanted string, refusal error) error {
	f, have, err := p.savedForm(c.Request().Context(), idIn(c))
	if err != nil {
		return err
	}
	f.Refused = wanted
	return p.refused(c, f, &have, refusal)
}

// refused draws the form again with what was typed and what is wrong with it. When somebody else was faster, to save it
// once more replaces what they did: the page says so.
func (p nounPages[T, F]) refused(c echo.Context, f nounForm[F], have *T, refusal error) error {
	found, status := troubleIn(refusal)
	if status == 0 {
		return refusal
	}
	f.Errors = inFormOrder(p.one, found)
	if problem.Is(refusal, problem.Outdated) {
		record, err := p.kept().Get(c.Request().Context(), f.ID)
		if err != nil {
			return err
		}
		f.Outdated, f.Errors, f.Version = true, nil, record.Version
	}
	if p.explain != nil {
		p.explain(&f)
	}
	return p.draw(c, status, f, have)
}

// notice says what was done before the page was asked for. The address names it and cannot say anything else.
func (p nounPages[T, F]) notice(c echo.Context) string {
	if p.says != nil {
		return p.says(c)
	}
	return noticeOf(p.one, c.QueryParam("done"))
}

func noticeOf(one, done string) string {
	return map[string]string{
		"created": "The " + one + " is made and in force.",
		"saved":   "Saved. It is in force from now on.",
		"deleted": "The " + one + " is deleted.",
	}[done]
}

// leaveFor sends the browser to a page once something is done.
func leaveFor(c echo.Context, address string) error {
	protect(c.Response().Header())
	return c.Redirect(http.StatusSeeOther, address)
}

// troubleIn is what a form shows of an error, with the status that it answers; 0 is for one that is no form's.
func troubleIn(err error) (problem.Fields, int) {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return nil, 0
	}
	whole := problem.Fields{{Message: p.Detail}}
	if p.Code == "already_exists" {
		whole[0].Path = "id"
	}
	switch p.Kind {
	case problem.Invalid, problem.Unprocessable:
		if len(p.Fields) > 0 {
			whole = p.Fields
		}
		return whole, http.StatusUnprocessableEntity
	case problem.Conflict, problem.Outdated:
		return whole, http.StatusConflict
	case problem.Unavailable:
		return whole, http.StatusServiceUnavailable
	}
	return nil, 0
}

// postedForm reads a form of either encoding, with the lines of its texts as they were meant.
func postedForm(c echo.Context) (url.Values, error) {
	r := c.Request()
	err := r.ParseForm() // by itself: ErrNotMultipart would hide that it failed
	if err == nil {
		err = r.ParseMultipartForm(maxForm)
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, formTooLarge(large.Limit)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, problem.New(problem.Invalid, "malformed_form", "The form cannot be read. Go back and send it again.").Because(err)
	}
	for _, values := range r.PostForm {
		for i := range values {
			values[i] = unixLines(values[i])
		}
	}
	return r.PostForm, nil
}

// idIn is the id that the address is about; see addressOf.
func idIn(c echo.Context) string { return strings.TrimPrefix(c.Param("id"), "-") }
