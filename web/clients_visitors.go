package web

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	publicforms "beckon/calls/forms"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// fieldsExample shows how the fields of a form are written.
const fieldsExample = `{"email": {"type": "email", "required": true, "max": 200}, "message": {"required": true}}`

// visitorForm is the form that a client's visitors send, as it was typed, right or wrong.
type visitorForm struct {
	Origins, Redirect, Fields, Honeypot string
	PerAddress, Challenge, SiteKey      string
	Show, Language, Thanks              string
	secret                              secret.String // never shown again
}

func visitorFormOf(form publicforms.Form) visitorForm {
	f := visitorForm{
		Origins:   strings.Join(form.Origins, "\n"),
		Redirect:  form.Redirect,
		Honeypot:  form.Honeypot,
		Challenge: form.Challenge,
		SiteKey:   form.SiteKey,
		Show:      form.Show,
		Language:  form.Language,
	}
	if len(form.Fields) > 0 {
		text, _ := json.MarshalIndent(form.Fields, "", "  ") // texts and numbers never fail
		f.Fields = string(text)
	}
	if form.PerAddr != nil {
		text, _ := json.Marshal(form.PerAddr)
		f.PerAddress = string(text)
	}
	if form.Thanks != nil {
		text, _ := json.Marshal(form.Thanks)
		f.Thanks = string(text)
	}
	return f
}

func readVisitorForm(sent url.Values) visitorForm {
	text := func(name string) string { return trimmed(sent, "form."+name) }
	return visitorForm{
		Origins:    text("origins"),
		Redirect:   text("redirect"),
		Fields:     text("fields"),
		Honeypot:   text("honeypot"),
		PerAddress: text("perAddress"),
		Challenge:  text("challenge"),
		SiteKey:    text("siteKey"),
		Show:       text("show"),
		Language:   text("language"),
		Thanks:     text("thanks"),
		secret:     typedSecret(sent, "form.secret"),
	}
}

// form reads what was typed, and says what cannot be read.
func (f visitorForm) form(wrong *problem.Fields) publicforms.Form {
	form := publicforms.Form{
		Origins:   strings.Fields(f.Origins),
		Redirect:  f.Redirect,
		Honeypot:  f.Honeypot,
		Challenge: f.Challenge,
		SiteKey:   f.SiteKey,
		Secret:    f.secret,
		Show:      f.Show,
		Language:  f.Language,
	}
	if fields := readJSON[map[string]publicforms.Field](wrong, "form.fields", f.Fields, fieldsExample); fields != nil {
		form.Fields = *fields
	}
	form.PerAddr = readJSON[publicforms.Rate](wrong, "form.perAddress", f.PerAddress, `{"requests": 5, "per": "1m"}`)
	form.Thanks = readJSON[publicforms.Thanks](wrong, "form.thanks", f.Thanks, `{"title": "Thank you", "text": "We reply within a day."}`)
	return form
}

// keepForm keeps the key, which the page does not change.
func (f clientForm) keepForm(item *clients.Client, kept clients.Client) {
	if item.IsForm() {
		item.Form.Key = kept.Form.Key
	}
}

// Visitors are the fields of the form that visitors send.
func (s clientScreen) Visitors() []field {
	f, kept, help := s.Form.Visitors, "", "For Turnstile and hCaptcha."
	if s.HasFormSecret {
		kept, help = "kept", "For Turnstile and hCaptcha. Leave it empty to keep the saved one."
	}
	return []field{
		s.Area("form.origins",
			"Origins", f.Origins, 2,
			"Of the pages with the form, one per line, such as https://acme.example. null allows pages opened from disk."),
		s.Object("form.fields",
			"Fields", f.Fields, 4, "JSON: "+fieldsExample+". Types: "+strings.Join(publicforms.Types(), ", ")+". Empty: any field."),
		s.Text("form.redirect",
			"Redirect", f.Redirect,
			"Where visitors go after sending. Empty: a thank-you page in their language.").WithPlaceholder("https://acme.example/thanks"),
		s.Object("form.thanks",
			"Thank-you message", f.Thanks, 2,
			`JSON: {"title": "Thank you", "text": "We reply within a day."}. Empty: a standard text in the visitor's language.`),
		s.Choice("form.language", "Language", f.Language, "", publicforms.Languages()).WithPlaceholder("Default: the visitor's"),
		s.Choice("form.show", "Visitors see", f.Show, "answer: visitors wait and see the agent's answer.", []string{
			publicforms.ShowNothing, publicforms.ShowAnswer,
		}).WithPlaceholder("Default: nothing"),
		s.Text("form.honeypot",
			"Honeypot field", f.Honeypot,
			"A hidden field that only bots fill. Such forms get the thank-you page but start no run.").WithPlaceholder("website"),
		s.Text("form.perAddress",
			"Rate limit per address", f.PerAddress,
			"JSON. More forms from one IP address get 429. Empty: "+rateText(publicforms.DefaultRate)+
				".").WithPlaceholder(`{"requests": 5, "per": "1m"}`),
		s.Choice("form.challenge", "Challenge", f.Challenge, "A challenge that the visitor's browser solves, against bots.", []string{
			publicforms.Altcha, publicforms.Turnstile, publicforms.HCaptcha,
		}).WithPlaceholder("Default: none"),
		s.Text("form.siteKey", "Site key", f.SiteKey, "For Turnstile and hCaptcha."),
		s.Secret("form.secret", "Challenge secret", kept, help),
	}
}

func rateText(r publicforms.Rate) string {
	text, _ := json.Marshal(r)
	return string(text)
}

// HasNoForm reports whether these fields have nothing to show.
func (s clientScreen) HasNoForm() bool {
	for _, f := range s.Visitors() {
		if f.Value != "" || f.Error != "" {
			return false
		}
	}
	return s.Form.Source != publicforms.Source
}

// rotateFormKey gives a form another key. The one before stops at once.
func (w *Web) rotateFormKey(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	id := idParam(c)
	if !sent.Has("sure") {
		err = problem.New(problem.Invalid, "not_confirmed",
			"Confirm that your pages may stop sending the form until they have its new address.")
	} else {
		_, err = clients.RotateFormKey(c.Request().Context(), resources[clients.Client](w), userOf(c), id, 0)
	}
	if err != nil {
		return w.clientForms().refusedTo(c, "given a new form key", err)
	}
	return redirect(c, addressOf(clientsPath, id)+"?done=form-key")
}

// formURL is the public address of a client's form.
func (w *Web) formURL(item clients.Client) string {
	key := item.Form.Key
	if item.IsForm() && key == "" && w.Backend.FormKey != nil {
		key = w.Backend.FormKey(item.ID) // of a form in the file, which has none there
	}
	if !item.IsForm() || key == "" {
		return ""
	}
	return strings.TrimRight(w.PublicURL, "/") + publicforms.Path + key
}

// snippetsOf are the ways to call a client: of a form, those of its pages.
func (w *Web) snippetsOf(item clients.Client, token secret.String) []snippet {
	if address := w.formURL(item); address != "" {
		return formSnippets(address, item.Form)
	}
	return snippets(w.PublicURL, item, token)
}
