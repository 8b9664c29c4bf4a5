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
)

// nounPages are the pages of a noun that all have one shape: a list, and a form to make, change and delete one. F is the
// noun as a form has it.
type nounPages[T catalog.Resource, F any] struct {
	form
	web   *Web
	blank func(ctx context.Context, asked url.Values) (T, error) // what a new one begins with
	typed func(T) F                                              // the form of one
	// read takes a form as it was sent, and says what cannot be read. have is what is kept, or the zero T.
	read    func(sent url.Values, have T) (F, T, problem.Fields)
	choices func(ctx context.Context) ([]string, error) // nil for none
	// act does what another button than that to save asks for, and shows what came of it in the form; nil for nothing.
	act func(ctx context.Context, do string, f *nounForm[F], item, have T) error
	// instead answers with another page that shows what was typed; false when it is not asked for.
	instead func(c echo.Context, do string, f nounForm[F], item T, wrong problem.Fields) (done bool, err error)
	explain func(f *nounForm[F]) // puts what is wrong where it belongs; nil leaves it
	note    func(T) string       // what the list says of one besides; nil for nothing
	sample  T
	// Another way to edit the same: its templates and the end of its addresses.
	template, suffix string
}

func (p nounPages[T, F]) kept() catalog.Section[T] { return kept[T](p.web) }

// pages are the list at /admin/agents, the form of a new one at …/new and that of each at …/ID. The templates are
// agents.html and agent.html.
func (p nounPages[T, F]) pages() []page {
	return append([]page{p.listPage()}, p.formPages()...)
}

func (p nounPages[T, F]) listPage() page {
	record := catalog.Record[T]{Item: p.sample, Version: 1, Warnings: problem.Fields{{Path: "id", Message: "is bad"}}}
	return page{path: p.path(), template: p.section, title: p.title, data: p.list,
		sample: nounList[T]{Path: p.path(), Notice: "Done.", Next: p.path(), Rows: []listed[T]{p.listed(record), {Item: p.sample, Managed: true}}}}
}

func (p nounPages[T, F]) formPages() []page { return []page{p.newPage(), p.savedPage()} }

// pageOf is the page of the form of one, or of a new one where id is empty.
func (p nounPages[T, F]) pageOf(id string) page {
	if id == "" {
		return p.newPage()
	}
	return p.savedPage()
}

func (p nounPages[T, F]) newPage() page {
	sample := nounForm[F]{Path: p.path(), One: p.one, Form: p.typed(p.sample), Models: &modelList{Wrong: "It refuses connections."}}
	path := p.path() + "/new" + p.suffix
	return page{path: path, template: cmp.Or(p.template, p.one), title: "New " + p.one, data: p.showNew, sample: sample,
		posts: map[string]echo.HandlerFunc{path: p.create}}
}

func (p nounPages[T, F]) savedPage() page {
	sample := nounForm[F]{Path: p.path(), One: p.one, ID: "x", Version: 1, Notice: "Done.", Errors: problem.Fields{{Path: "id", Message: "is bad"}}, Outdated: true,
		Form: p.typed(p.sample), Choices: []string{"x"}, Models: &modelList{Names: []string{"m"}}}
	path := p.path() + "/:id" + p.suffix
	posts := map[string]echo.HandlerFunc{path: p.update}
	if p.suffix == "" {
		posts[path+"/delete"] = p.delete
	}
	return page{path: path, template: cmp.Or(p.template, p.one), title: strings.ToUpper(p.one[:1]) + p.one[1:], data: p.showSaved, sample: sample, posts: posts}
}

func (p nounPages[T, F]) showNew(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	blank, err := p.blank(ctx, c.QueryParams())
	if err != nil {
		return nil, err
	}
	f := nounForm[F]{Path: p.path(), One: p.one, Form: p.typed(blank)}
	return f, p.choose(ctx, &f)
}

func (p nounPages[T, F]) showSaved(c echo.Context) (any, error) {
	record, err := p.kept().Get(c.Request().Context(), idIn(c))
	if err != nil {
		return nil, err
	}
	f := nounForm[F]{Path: p.path(), One: p.one, Notice: p.notice(c), Form: p.typed(record.Item)}
	aboutSaved(&f, record)
	return f, p.choose(c.Request().Context(), &f)
}

func (p nounPages[T, F]) create(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	var have T
	typed, item, wrong := p.read(sent, have)
	f := nounForm[F]{Path: p.path(), One: p.one, Form: typed}
	if do := sent.Get("do"); do != "" {
		return p.acted(c, p.newPage(), do, f, item, have, wrong)
	}
	if err = p.unreadable(wrong); err == nil {
		_, _, err = p.kept().Create(c.Request().Context(), whoIs(c), item, wrong...)
	}
	if err != nil {
		return p.refused(c, p.newPage(), f, err)
	}
	return c.Redirect(http.StatusSeeOther, addressOf(p.path(), item.Key())+"?done=created")
}

func (p nounPages[T, F]) update(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	record, err := p.kept().Get(c.Request().Context(), idIn(c))
	if err != nil {
		return err
	}
	sent.Set("id", record.Item.Key())
	typed, item, wrong := p.read(sent, record.Item)
	f := nounForm[F]{Path: p.path(), One: p.one, Form: typed}
	aboutSaved(&f, record)
	if f.Managed { // its fields are disabled, and send nothing
		f.Form = p.typed(record.Item)
	}
	f.Version = versionIn(sent)
	if do := sent.Get("do"); do != "" {
		return p.acted(c, p.savedPage(), do, f, item, record.Item, wrong)
	}
	if err = p.unreadable(wrong); err == nil {
		_, err = p.kept().Update(c.Request().Context(), whoIs(c), item, f.Version, wrong...)
	}
	if err != nil {
		return p.refused(c, p.savedPage(), f, err)
	}
	return c.Redirect(http.StatusSeeOther, f.Address()+"?done=saved")
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
	ctx, id := c.Request().Context(), idIn(c)
	if err = p.kept().Delete(ctx, whoIs(c), id, versionIn(sent)); err == nil {
		return c.Redirect(http.StatusSeeOther, p.path()+"?done=deleted")
	}
	record, missing := p.kept().Get(ctx, id)
	if missing != nil {
		return missing
	}
	f := nounForm[F]{Path: p.path(), One: p.one, Form: p.typed(record.Item), Refused: "deleted"}
	aboutSaved(&f, record)
	return p.refused(c, p.savedPage(), f, err)
}

// acted draws the form again after another button than that to save.
func (p nounPages[T, F]) acted(c echo.Context, to page, do string, f nounForm[F], item, have T, wrong problem.Fields) error {
	if p.instead != nil {
		if done, err := p.instead(c, do, f, item, wrong); err != nil || done {
			return err
		}
	}
	if err := p.choose(c.Request().Context(), &f); err != nil {
		return err
	}
	if p.act != nil {
		if err := p.act(c.Request().Context(), do, &f, item, have); err != nil {
			return err
		}
	}
	return p.web.screens.draw(c, http.StatusOK, to, f)
}

// refused draws the form again with what was typed and what is wrong with it.
func (p nounPages[T, F]) refused(c echo.Context, to page, f nounForm[F], err error) error {
	found, status := troubleIn(err)
	if status == 0 {
		return err
	}
	f.Errors = inFormOrder(p.one, found)
	ctx := c.Request().Context()
	if problem.Is(err, problem.Outdated) {
		record, err := p.kept().Get(ctx, f.ID)
		if err != nil {
			return err
		}
		f.Outdated, f.Errors, f.Version = true, nil, record.Version
	}
	if p.explain != nil {
		p.explain(&f)
	}
	if err := p.choose(ctx, &f); err != nil {
		return err
	}
	return p.web.screens.draw(c, status, to, f)
}

func (p nounPages[T, F]) choose(ctx context.Context, f *nounForm[F]) (err error) {
	if p.choices != nil {
		f.Choices, err = p.choices(ctx)
	}
	return err
}

// notice says what was done before the page was asked for. The address names it and cannot say anything else.
func (p nounPages[T, F]) notice(c echo.Context) string { return noticeOf(p.one, c.QueryParam("done")) }

func noticeOf(one, done string) string {
	return map[string]string{
		"created": "The " + one + " is made and in force.",
		"saved":   "Saved. It is in force from now on.",
		"deleted": "The " + one + " is deleted.",
	}[done]
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
