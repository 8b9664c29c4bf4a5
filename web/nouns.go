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
	"beckon/internal/spend"
)

// nounPages are the pages of a noun: a list, and a form to make, change and delete one. F is the noun as a form has it.
type nounPages[T catalog.Resource, F any] struct {
	form
	web     *Web
	newItem func(ctx context.Context, asked url.Values) (T, error) // the initial values of a new one
	formFor func(T) F                                              // the form of one
	// read reads a form as it was sent; the Fields are the errors. have is the saved resource, or the zero T.
	read func(sent url.Values, have T) (F, T, problem.Fields)
	// For another form of the same resource: its template and the suffix of its paths.
	template, suffix string

	// What follows may be nil.

	rows     func(ctx context.Context, list []catalog.Record[T]) (any, error) // the rows of the list; nil for listed
	listNote func(T) string                                                   // a note beside one in the list
	choices  func(ctx context.Context) ([]string, error)
	// screen is what the page of one shows around the form. kept is nil for a new one.
	screen func(c echo.Context, f nounForm[F], kept *T) (any, error)
	// beforeCreate finds what is wrong with what the form wants to be created besides.
	beforeCreate func(ctx context.Context, f F, item T) (problem.Fields, error)
	// afterCreate answers after one was created; shown is the secret that is shown this once.
	afterCreate     func(c echo.Context, item T, shown secret.String) error
	doneAfterUpdate func(have, item T) string                   // the "done" of the address after an update; nil for "saved"
	noticeFor       func(c echo.Context) string                 // the notice for the "done" of the address; nil for noticeOf
	posts           func(id string) map[string]echo.HandlerFunc // further forms of the page of one, by the suffixes of their paths
	// onButton handles any button other than the one that saves, and changes the form.
	onButton func(ctx context.Context, do string, f *nounForm[F], item, have T) error
	// switchPage answers with another page that shows what was typed; done is false when the button does not ask for that.
	switchPage    func(c echo.Context, do string, f nounForm[F], item T, wrong problem.Fields) (done bool, err error)
	arrangeErrors func(f *nounForm[F])       // moves errors to their fields
	pageNotes     func(id string) []string   // notes on the page of one
	budget        func(item T) *spend.Budget // whose use its page shows; nil for nouns without budgets
	invocable     bool                       // it is an agent or a flow, which its page can try
}

func (p nounPages[T, F]) resources() catalog.Section[T] { return resources[T](p.web) }

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
			if p.invocable {
				shown.posts[at+"/try"] = p.tryInvocable
			}
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
	blank, err := p.newItem(c.Request().Context(), c.QueryParams())
	if err != nil {
		return nil, err
	}
	f := nounForm[F]{Path: p.path(), One: p.one, Form: p.formFor(blank)}
	if c.QueryParam("done") == "connected" {
		f.Notice = "The provider is created and active. Next, create an agent that uses it."
	}
	return p.screenData(c, f, nil)
}

func (p nounPages[T, F]) showSaved(c echo.Context) (any, error) {
	f, have, err := p.savedForm(c.Request().Context(), idParam(c))
	if err != nil {
		return nil, err
	}
	f.Notice, f.IsNew = p.notice(c), c.QueryParam("done") == "created"
	return p.screenData(c, f, &have)
}

// savedForm is the form of one as it is kept.
func (p nounPages[T, F]) savedForm(ctx context.Context, id string) (f nounForm[F], have T, err error) {
	record, err := p.resources().Get(ctx, id)
	if err != nil {
		return f, have, err
	}
	f = nounForm[F]{Path: p.path(), One: p.one, Form: p.formFor(record.Item)}
	fillFromSaved(&f, record)
	if f.Activity, err = p.web.activityOf(ctx, p.form, f.ID); err != nil {
		return f, have, err
	}
	if p.pageNotes != nil {
		f.Notes = p.pageNotes(f.ID)
	}
	if p.budget != nil {
		f.Budgets, err = p.web.budgetLines(ctx, p.one, f.ID, p.budget(record.Item))
	}
	return f, record.Item, err
}

// screenData is what the template gets.
func (p nounPages[T, F]) screenData(c echo.Context, f nounForm[F], have *T) (_ any, err error) {
	f.Tab = chosenTab(c, p.one)
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
	data, err := p.screenData(c, f, have)
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
		return p.handleButton(c, do, f, item, nil, wrong)
	}
	if p.beforeCreate != nil {
		found, err := p.beforeCreate(c.Request().Context(), typed, item)
		if err != nil {
			return err
		}
		wrong = append(wrong, found...)
	}
	var created catalog.Record[T]
	var shown secret.String
	if err = p.unreadable(wrong); err == nil {
		created, shown, err = p.resources().Create(c.Request().Context(), userOf(c), item, wrong...)
	}
	switch {
	case err != nil:
		return p.refused(c, f, nil, err)
	case p.afterCreate != nil:
		return p.afterCreate(c, created.Item, shown)
	}
	return redirect(c, addressOf(p.path(), created.Item.Key())+"?done=created")
}

func (p nounPages[T, F]) update(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	f, have, err := p.savedForm(c.Request().Context(), idParam(c))
	if err != nil {
		return err
	}
	sent.Set("id", f.ID)
	typed, item, wrong := p.read(sent, have)
	if !f.Managed { // else its fields are disabled, and send nothing
		f.Form = typed
	}
	f.Version = formVersion(sent)
	if do := sent.Get("do"); do != "" {
		return p.handleButton(c, do, f, item, &have, wrong)
	}
	if err = p.unreadable(wrong); err == nil {
		_, err = p.resources().Update(c.Request().Context(), userOf(c), item, f.Version, wrong...)
	}
	if problem.Is(err, problem.Outdated) {
		var failed error
		if f.Meanwhile, failed = p.compareWithSaved(c.Request().Context(), item); failed != nil {
			return failed
		}
	}
	if err != nil {
		return p.refused(c, f, &have, err)
	}
	done := "saved"
	if p.doneAfterUpdate != nil {
		done = p.doneAfterUpdate(have, item)
	}
	return redirect(c, f.Address()+"?done="+done)
}

// unreadable refuses a form of one field that has errors: there are no other fields to check.
func (p nounPages[T, F]) unreadable(wrong problem.Fields) error {
	if p.suffix == "" {
		return nil
	}
	return wrong.Err()
}

// delete deletes the resource whose ID was typed to confirm it. The browser asks for the ID too, but does not for
// whoever posts the form alone.
func (p nounPages[T, F]) delete(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	id := idParam(c)
	if trimmed(sent, "confirm") != id {
		return p.refusedTo(c, "deleted",
			problem.New(problem.Unprocessable, "not_confirmed", "Type %s in the field of the danger zone to delete it.", id))
	}
	if err := p.resources().Delete(c.Request().Context(), userOf(c), id, formVersion(sent)); err != nil {
		return p.refusedTo(c, "deleted", err)
	}
	return redirect(c, p.path()+"?done=deleted")
}

// handleButton draws the form again after any button other than the one that saves.
func (p nounPages[T, F]) handleButton(c echo.Context, do string, f nounForm[F], item T, have *T, wrong problem.Fields) error {
	if p.switchPage != nil {
		if done, err := p.switchPage(c, do, f, item, wrong); err != nil || done {
			return err
		}
	}
	if p.onButton != nil {
		before := *new(T)
		if have != nil {
			before = *have
		}
		if err := p.onButton(c.Request().Context(), do, &f, item, before); err != nil {
			return err
		}
	}
	return p.draw(c, http.StatusOK, f, have)
}

// refusedTo draws the page of the saved resource with the reason why an action, such as deleting it, was refused.
func (p nounPages[T, F]) refusedTo(c echo.Context, wanted string, refusal error) error {
	f, have, err := p.savedForm(c.Request().Context(), idParam(c))
	if err != nil {
		return err
	}
	f.Refused = wanted
	return p.refused(c, f, &have, refusal)
}

// refused draws the form again with what was typed and what is wrong with it. When somebody else has
// changed it meanwhile, the page says so, and saving once more replaces their change.
func (p nounPages[T, F]) refused(c echo.Context, f nounForm[F], have *T, refusal error) error {
	found, status := formErrors(refusal)
	if status == 0 {
		return refusal
	}
	if f.ID == "" {
		askForName(found)
	}
	f.Errors = inFormOrder(p.one, found)
	if problem.Is(refusal, problem.Outdated) {
		record, err := p.resources().Get(c.Request().Context(), f.ID)
		if err != nil {
			return err
		}
		f.Outdated, f.Errors, f.Version = true, nil, record.Version
	}
	if p.arrangeErrors != nil {
		p.arrangeErrors(&f)
	}
	return p.draw(c, status, f, have)
}

// askForName asks for the name of a new resource where the ID would be made from it.
func askForName(found problem.Fields) {
	for i, wrong := range found {
		if wrong.Path == "id" && strings.HasPrefix(wrong.Message, "is required") {
			found[i] = problem.Field{Path: "name", Message: "is required"}
		}
	}
}

// notice says what the last action has done. The address only names the action, so that nobody can put words on the page.
func (p nounPages[T, F]) notice(c echo.Context) string {
	if p.noticeFor != nil {
		return p.noticeFor(c)
	}
	return noticeOf(p.one, c.QueryParam("done"))
}

func noticeOf(one, done string) string {
	return map[string]string{
		"created": "The " + one + " is created and active.",
		"saved":   "Saved. The change is active.",
		"deleted": "The " + one + " is deleted.",
	}[done]
}

// redirect sends the browser to a page after an action.
func redirect(c echo.Context, address string) error {
	protect(c.Response().Header())
	return c.Redirect(http.StatusSeeOther, address)
}

// formErrors returns what a form shows of an error, and the status of the answer; 0 for an error that is not about the form.
func formErrors(err error) (problem.Fields, int) {
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

// idParam returns the id in the path of the request; see addressOf.
func idParam(c echo.Context) string { return strings.TrimPrefix(c.Param("id"), "-") }
