package web

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// clientConnect says how to connect the sender of a client that was made just now.
type clientConnect struct {
	Title, URL, Place string
	Steps             []string
	SecretLabel       string
	Secret            string // that Beckon has made; shown this once
	AsksSecret        bool   // the sender makes the secret, and it is not known yet
	SecretFrom        string
	UsesToken         bool
	IsAlertmanager    bool // its snippet says all of the steps
}

// connectOf is nil for a client whose caller has nothing of its own to set up.
func (w *Web) connectOf(item clients.Client, token, made secret.String) *clientConnect {
	sender := clients.Source(item.Source)
	if !item.HasSource() || sender == nil {
		return nil
	}
	s := sender.Setup
	return &clientConnect{
		Title: sender.Title, URL: cmp.Or(w.formURL(item), w.webhookURL(item, token)), Place: s.Place, Steps: s.Steps,
		SecretLabel: s.Secret, Secret: made.Reveal(), SecretFrom: s.SecretFrom,
		AsksSecret:     sender.Signs() && s.MakesSecret && len(item.Secret) == 0 && len(item.Auth) == 0,
		IsAlertmanager: item.Source == "alertmanager",
		UsesToken:      item.NeedsToken() && !(sender.Signs() && len(item.Auth) == 0),
	}
}

// webhookURL is what callers call. Where the token stands in the query, it is there.
func (w *Web) webhookURL(item clients.Client, token secret.String) string {
	address := strings.TrimRight(w.PublicURL, "/") + "/api/v1/webhooks/" + item.ID
	for _, a := range item.Auth {
		if a.Scheme == "query" && token != "" {
			return address + "?" + url.Values{a.Name: {token.Reveal()}}.Encode()
		}
	}
	return address
}

// makeSecret gives a new client the secret that its sender is to sign with, where that takes any and none was typed.
func (f clientForm) makeSecret(item *clients.Client) {
	chosen := callerOf(f.Caller)
	if chosen == nil {
		return
	}
	if sender := chosen.Sender(); sender != nil && sender.Signs() && !sender.Setup.MakesSecret && len(item.Secret) == 0 &&
		len(item.Auth) == 0 {
		item.Secret = clients.Secrets{clients.NewSigningSecret()}
	}
	for i, a := range item.Auth {
		if a.Scheme == "hmac" && len(a.Secret) == 0 {
			item.Auth[i].Secret = clients.Secrets{clients.NewSigningSecret()}
		}
	}
}

// madeSecret is the secret that makeSecret has made; empty where it has made none.
func madeSecret(item clients.Client, sent url.Values) secret.String {
	switch {
	case sent.Get("caller") == "":
		return ""
	case len(item.Secret) > 0 && trimmed(sent, "secret") == "":
		return item.Secret[0]
	}
	for i, a := range item.Auth {
		if len(a.Secret) > 0 && trimmed(sent, proofPath(i, "secret")) == "" {
			return a.Secret[0]
		}
	}
	return ""
}

// setClientSecret keeps the secret that a sender has made when it was given the URL.
func (w *Web) setClientSecret(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), idParam(c)
	record, err := resources[clients.Client](w).Get(ctx, id)
	if err != nil {
		return err
	}
	typed := secret.String(trimmed(sent, "secret"))
	if typed == "" {
		err = problem.New(problem.Invalid, "missing_secret", "Type the secret that the sender signs with.")
	} else {
		record.Item.Secret = clients.Secrets{typed}
		_, err = resources[clients.Client](w).Update(ctx, userOf(c), record.Item, record.Version)
	}
	if err != nil {
		return w.clientForms().refusedTo(c, "given its secret", err)
	}
	return redirect(c, clientArrival{ID: id}.Path())
}
