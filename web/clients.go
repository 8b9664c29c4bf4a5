package web

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/spend"
	"beckon/runs"
)

const clientsPath = "/admin/clients"

// clientRow is a client in the list.
type clientRow struct {
	listed[clients.Client]
	Last *lastCall // nil for one that never called
}

// lastCall is the newest run of a client.
type lastCall struct {
	RunID, Status, Message string
	At                     time.Time
}

// clientForms are the pages of clients but for the one that shows a token.
func (w *Web) clientForms() nounPages[clients.Client, clientForm] {
	return nounPages[clients.Client, clientForm]{
		form: formOf("clients"), web: w,
		newItem: func(_ context.Context, asked url.Values) (clients.Client, error) {
			return newClient(asked), nil
		},
		formFor: clientFormOf,
		budget:  func(item clients.Client) *spend.Budget { return item.Budget },
		read: func(sent url.Values, kept clients.Client) (clientForm, clients.Client, problem.Fields) {
			f := readClientForm(sent)
			item, wrong := f.client()
			if _, shown := readProofForms(sent); shown {
				keepSecrets(item.Auth, f.Proofs, kept.Auth)
			} else {
				item.Auth = kept.Auth
			}
			if kept.ID == "" {
				f.makeSecret(&item)
			}
			f.keepForm(&item, kept)
			return f, item, wrong
		},
		beforeCreate: w.checkAnswers,
		rows:         w.clientRows, screen: w.clientScreen, noticeFor: clientNotice, posts: w.clientPosts,
		afterCreate: func(c echo.Context, item clients.Client, token secret.String) error {
			sent := c.Request().PostForm
			shown := w.clientTokenOf(item, item.Issued(token))
			shown.IsNew, shown.URL, shown.Answers = true, cmp.Or(w.formURL(item), w.webhookURL(item, token)), w.sendAnswers(c, sent, item)
			made := madeSecret(item, sent)
			if shown.Connect = w.connectOf(item, token, made); shown.Connect == nil {
				shown.SigningSecret = made.Reveal()
			}
			arrival, err := w.arrivalOf(c.Request().Context(), item)
			if err != nil {
				return err
			}
			shown.Arrival, shown.Call = &arrival, sampleFor(clientFormOf(item))
			if shown.Places, err = w.answersOf(c.Request().Context(), item, true); err != nil {
				return err
			}
			shown.Places.Live = len(shown.Places.Places) > 0 // the first call is to come
			return w.showToken(c, shown)
		},
		arrangeErrors: func(f *nounForm[clientForm]) {
			for i := range f.Errors {
				f.Errors[i].Path = fieldOf(f.Errors[i].Path)
			}
		},
	}
}

func (w *Web) clientPages() []page {
	list := w.clientForms()
	pages := append([]page{list.listPage(), list.pageOf("x"), w.clientTokenPage(), w.clientArrivalPage()},
		w.newClientPages(list.pageOf(""))...)
	return pages
}

// clientPosts are the forms of the page of a client, besides those that every noun has.
func (w *Web) clientPosts(id string) map[string]echo.HandlerFunc {
	posts := map[string]echo.HandlerFunc{"/preview": w.previewClient}
	if id != "" {
		posts["/try"], posts["/enabled"], posts["/secret"] = w.tryClient, w.enableClient, w.setClientSecret
		posts["/form-key"] = w.rotateFormKey
		posts["/data/export"], posts["/data/erase"], posts["/visitor"] = w.exportData, w.eraseData, w.visitorData
	}
	return posts
}

func (w *Web) clientRows(ctx context.Context, list []catalog.Record[clients.Client]) (any, error) {
	rows := make([]clientRow, len(list))
	for i, record := range list {
		last, err := w.lastCallOf(ctx, record.Item.ID)
		if err != nil {
			return nil, err
		}
		rows[i] = clientRow{w.clientForms().listed(record), last}
	}
	return rows, nil
}

// Prompt says where the prompt of the client's calls comes from.
func (r clientRow) Prompt() string {
	switch {
	case !r.Item.TakesRequest() && r.Item.CommandID == "":
		return "Default prompt"
	case !r.Item.TakesRequest():
		return "Command " + r.Item.CommandID
	case r.Item.Template != "":
		return "Template"
	}
	return "Request"
}

// lastCallOf finds the newest run of a client; nil when there is none.
func (w *Web) lastCallOf(ctx context.Context, id string) (*lastCall, error) {
	list, _, err := w.Backend.Runs.List(ctx, runs.Query{ClientID: id, Limit: 1, Brief: true})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	last := &lastCall{RunID: list[0].ID, Status: string(list[0].Status), At: list[0].CreatedAt}
	if failure := list[0].Error; failure != nil {
		last.Message = failure.Message
	}
	return last, nil
}

// enableClient switches a client on or off, and leaves the rest of it as it is.
func (w *Web) enableClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id, done := c.Request().Context(), idParam(c), "disabled"
	record, err := resources[clients.Client](w).Get(ctx, id)
	if err != nil {
		return err
	}
	record.Item.Enabled = new(bool)
	if sent.Get("enabled") == "true" {
		record.Item.Enabled, done = nil, "enabled"
	}
	if _, err := resources[clients.Client](w).Update(ctx, userOf(c), record.Item, formVersion(sent)); err != nil {
		return w.clientForms().refusedTo(c, done, err)
	}
	return redirect(c, addressOf(clientsPath, id)+"?done="+done)
}

// clientNotice says what the last action has done. The address only names the action, so that nobody can put words on the page.
func clientNotice(c echo.Context) string {
	switch done := c.QueryParam("done"); done {
	case "enabled":
		return "The client is enabled."
	case "disabled":
		return "The client is disabled. Its calls are refused with 403."
	case "form-key":
		return "The form has a new address. The previous one no longer works: put the new one into your pages."
	case "data-erased":
		return dataNotice(c)
	case "deleted":
		return "The client is deleted, and its token no longer works. Its runs are kept."
	default:
		return noticeOf("client", done)
	}
}
