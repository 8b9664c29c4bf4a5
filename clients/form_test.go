package clients_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/forms"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/store"
)

func formClient(change func(*forms.Form)) clients.Client {
	c := clients.Client{ID: "contact", Source: "form", AllowedAgents: []string{"a"}, Form: forms.Form{Origins: []string{"https://acme.example"}}}
	if change != nil {
		change(&c.Form)
	}
	return c
}

func TestFormsAreChecked(t *testing.T) {
	for says, change := range map[string]func(*forms.Form){
		"form.origins: must list":                      func(f *forms.Form) { f.Origins = nil },
		"form.origins[1]: must be an origin":           func(f *forms.Form) { f.Origins = append(f.Origins, "https://acme.example/") },
		"form.redirect: must be a URL":                 func(f *forms.Form) { f.Redirect = "javascript:alert(1)" },
		"form.key: must be pk_":                        func(f *forms.Form) { f.Key = "mine" },
		"form.fields.email.type: must be one of text":  func(f *forms.Form) { f.Fields = map[string]forms.Field{"email": {Type: "mail"}} },
		"form.fields.size.options: are the values":     func(f *forms.Form) { f.Fields = map[string]forms.Field{"size": {Type: "choice"}} },
		"form.fields._next: is no name":                func(f *forms.Form) { f.Fields = map[string]forms.Field{"_next": {}} },
		"form.honeypot: \"email\" is also":             func(f *forms.Form) { f.Honeypot, f.Fields = "email", map[string]forms.Field{"email": {}} },
		"form.perAddress: needs requests":              func(f *forms.Form) { f.PerAddr = &forms.Rate{Requests: 5} },
		"form.challenge: must be altcha":               func(f *forms.Form) { f.Challenge = "recaptcha" },
		"form.secret: is required: the secret key":     func(f *forms.Form) { f.Challenge = "turnstile" },
		"form.secret: is for the challenges turnstile": func(f *forms.Form) { f.Secret = "s" },
		"form.show: must be nothing or answer":         func(f *forms.Form) { f.Show = "all" },
		"form.language: must be one of en, de, fr, es": func(f *forms.Form) { f.Language = "it" },
	} {
		require.ErrorContains(t, formClient(change).Check().Err(), says)
	}
	require.NoError(t, formClient(func(f *forms.Form) { f.Origins = append(f.Origins, "null", "http://localhost:8080") }).Check().Err())
	c := formClient(nil)
	c.Source = "github"
	require.ErrorContains(t, c.Check().Err(), "form: is for clients with source: form")
}

func TestTheKeyOfAFormIsMadeKeptAndReplaced(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *store.Store, all catalog.Section[clients.Client]) {
		ctx := t.Context()
		c := formClient(func(f *forms.Form) { f.Challenge, f.Secret = "turnstile", "s3cret-of-turnstile" })
		_, err := insert(t, s, all, c)
		require.NoError(t, err)
		made, err := all.Get(ctx, "contact")
		require.NoError(t, err)
		first := made.Item.Form.Key
		require.True(t, forms.ValidKey(first))
		require.EqualValues(t, "s3cret-of-turnstile", made.Item.Form.Secret)

		second, err := clients.RotateFormKey(ctx, all, "admin", "contact", time.Hour)
		require.NoError(t, err)
		rotated, err := all.Get(ctx, "contact")
		require.NoError(t, err)
		require.Equal(t, second, rotated.Item.Form.Key)
		set, findings := clients.NewSet([]clients.Declared{{Client: rotated.Item}}, clients.NewLimits())
		require.Empty(t, findings)
		require.NotNil(t, set.ByFormKey(first, time.Now()), "the old one is good for an hour")
		require.Nil(t, set.ByFormKey(first, time.Now().Add(2*time.Hour)))
		require.NotNil(t, set.ByFormKey(second, time.Now().Add(2*time.Hour)))

		third, err := clients.RotateFormKey(ctx, all, "admin", "contact", 0)
		require.NoError(t, err)
		rotated, err = all.Get(ctx, "contact")
		require.NoError(t, err)
		require.Equal(t, forms.Form{Key: third}.Key, rotated.Item.Form.Key)
		require.Empty(t, rotated.Item.Form.OldKeys, "without an overlap the old ones end at once")
	})
}

func TestFormsOfTheFileGetKeys(t *testing.T) {
	const given = "pk_0123456789abcdefghij"
	own, none := formClient(func(f *forms.Form) { f.Key = given }), formClient(nil)
	none.ID = "none"
	set, findings := clients.NewSet([]clients.Declared{{Client: own}, {Client: none}, {Client: clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}}}}, clients.NewLimits())
	require.Empty(t, findings)
	set.SetFormKeys(func(id string) string { return "pk_made0123456789" + id })
	require.Equal(t, "contact", set.ByFormKey(given, time.Now()).ID)
	require.Equal(t, "none", set.ByFormKey("pk_made0123456789none", time.Now()).ID)
	require.Nil(t, set.ByFormKey("pk_made0123456789ci", time.Now()))
	require.Nil(t, set.ByFormKey("", time.Now()))
}
