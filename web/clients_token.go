package web

import (
	"cmp"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
)

// clientToken is the page that shows a token and a callback secret, this once.
type clientToken struct {
	ID             string
	IsNew          bool
	Name, URL      string
	Token          string // empty where only the callback secret is new, and for a client that has none
	CallbackSecret string // empty where it stays as it is
	OldTokenNotice string // how long the old token still works
	SecretNotice   string // how long the old callback secret still signs
	Snippets       []snippet
	LocalURL       string         // of what is to be copied, where only this machine can use it
	SigningSecret  string         // that was made for a sender of which nothing else is known
	Connect        *clientConnect // how to connect the sender of a new client; nil for one of which nothing is known
	Arrival        *clientArrival // of a new client
	Answers        answersMade    // of the endpoints that it was created with
	Places         answersOf      // that its answers go to
	Call           sampleCall     // of its test
	Try            tryResult
}

// Crumb is its place below the list.
func (t clientToken) Crumb() string { return t.ID }

// CopiesToken reports whether the caller proves itself by the token.
func (t clientToken) CopiesToken() bool {
	return t.Token != "" && (t.Connect == nil && t.SigningSecret == "" || t.Connect != nil && t.Connect.UsesToken)
}

// CopiedSecret is the secret that the caller signs with, and that was made just now; empty for none.
func (t clientToken) CopiedSecret() string {
	if t.Connect != nil {
		return t.Connect.Secret
	}
	return t.SigningSecret
}

// SamplesAlert reports whether the test call is an alert.
func (t clientToken) SamplesAlert() bool { return t.Call.Body == sampleAlert }

// ShowsSnippets reports whether the page says how to call the client with its token.
func (t clientToken) ShowsSnippets() bool {
	return len(t.Snippets) > 0 && (t.Connect == nil || t.Connect.IsAlertmanager)
}

// Address is the address of the client's page.
func (t clientToken) Address() string { return addressOf(clientsPath, t.ID) }

// tokenOverlap is how long the old token stays good beside a new one.
type tokenOverlap struct {
	Key, Title string
	span       time.Duration
}

func overlaps() []tokenOverlap {
	return []tokenOverlap{
		{"24h", "24 hours", 24 * time.Hour},
		{"1h", "1 hour", time.Hour},
		{"7d", "7 days", 7 * 24 * time.Hour},
		{"0", "no time: it stops working now", 0},
	}
}

// clientTokenPage has no address of its own: a browser that comes back to that of a form is sent to the client.
func (w *Web) clientTokenPage() page {
	back := func(c echo.Context) (any, error) {
		return nil, redirect(c, clientToken{ID: idParam(c)}.Address())
	}
	return page{
		path:     clientsPath + "/:id/:form",
		template: "clienttoken",
		title:    "Token",
		data:     back,
		posts: map[string]echo.HandlerFunc{
			clientsPath + "/:id/token":          w.rotateToken,
			clientsPath + "/:id/webhook-secret": w.rotateCallbackSecret,
		},
	}
}

func (w *Web) rotateToken(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), idParam(c)
	record, err := resources[clients.Client](w).Get(ctx, id)
	if err != nil {
		return err
	}
	overlap, ok := overlapOf(sent.Get("overlap"))
	if !ok {
		err = problem.New(problem.Invalid, "invalid_overlap", "Choose how long the current token stays valid.")
	}
	if err == nil {
		issued, failed := clients.RotateToken(ctx, resources[clients.Client](w), userOf(c), id, overlap.span)
		if failed == nil {
			shown := w.clientTokenOf(record.Item, issued)
			shown.OldTokenNotice = oldTokenNotice(overlap)
			if shown.CallbackSecret != "" && overlap.span > 0 {
				shown.SecretNotice = "The previous one stays valid as long as the previous token."
			}
			return w.showToken(c, shown)
		}
		err = failed
	}
	return w.clientForms().refusedTo(c, "given a new token", err)
}

func (w *Web) rotateCallbackSecret(c echo.Context) error {
	id := idParam(c)
	made, err := clients.RotateWebhookSecret(c.Request().Context(), resources[clients.Client](w), userOf(c), id)
	if err != nil {
		return w.clientForms().refusedTo(c, "given a new callback secret", err)
	}
	return w.showToken(c, clientToken{
		ID:             id,
		CallbackSecret: made.Reveal(),
		SecretNotice:   "The previous one stays valid for 24 hours, so the receiver has time to switch.",
	})
}

func overlapOf(key string) (tokenOverlap, bool) {
	for _, o := range overlaps() {
		if o.Key == key {
			return o, true
		}
	}
	return tokenOverlap{}, false
}

func oldTokenNotice(o tokenOverlap) string {
	if o.span == 0 {
		return "The previous token has stopped working."
	}
	return "The previous token stays valid for " + o.Title + "."
}

// clientTokenOf is the page of a client that was created or got a new token.
func (w *Web) clientTokenOf(item clients.Client, issued clients.Issued) clientToken {
	return clientToken{
		ID:             item.ID,
		Name:           cmp.Or(item.Name, item.ID),
		Token:          issued.Token.Reveal(),
		CallbackSecret: issued.CallbackSecret.Reveal(),
		Snippets:       w.snippetsOf(item, issued.Token),
	}
}

func (w *Web) showToken(c echo.Context, t clientToken) error {
	t.LocalURL = w.localURL()
	return w.screens.draw(c, http.StatusOK, w.clientTokenPage(), t)
}
