package web

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"

	publicforms "beckon/calls/forms"
)

// longText is how many characters a text may have that is typed in one line.
const longText = 200

// formSnippets are how a page sends a form: as it stands, or by its own script.
func formSnippets(address string, form publicforms.Form) []snippet {
	fields := form.Fields
	if len(fields) == 0 {
		fields = map[string]publicforms.Field{"email": {Type: publicforms.Email, Required: true}, "message": {Required: true}}
	}
	names := slices.Sorted(maps.Keys(fields))
	return []snippet{
		{Key: "form", Title: "HTML form", Note: "For a page whose origin the form lists. It needs no script" + challengeNote(form) + ".",
			Parts: []snippetPart{{Key: "form-1", Text: formHTML(address, form, fields, names)}}},
		{
			Key:   "fetch",
			Title: "fetch",
			Note:  "For a script of such a page.",
			Parts: []snippetPart{{Key: "fetch-1", Text: formFetch(address, fields, names)}},
		},
	}
}

func challengeNote(form publicforms.Form) string {
	switch form.Challenge {
	case publicforms.Altcha:
		return " but that of the npm package altcha (version 2), which solves the challenge"
	case "":
		return ""
	}
	return " but that of " + form.Challenge + ", which shows the challenge"
}

func formHTML(address string, form publicforms.Form, fields map[string]publicforms.Field, names []string) string {
	var b strings.Builder
	kind := ""
	for _, name := range names {
		if fields[name].Type == publicforms.File {
			kind = ` enctype="multipart/form-data"`
		}
	}
	fmt.Fprintf(&b, "<form method=\"post\" action=\"%s\"%s>\n", html.EscapeString(address), kind)
	for _, name := range names {
		b.WriteString("  <label>" + html.EscapeString(name) + " " + inputHTML(name, fields[name]) + "</label>\n")
	}
	if form.Honeypot != "" {
		fmt.Fprintf(&b,
			"  <input name=\"%s\" tabindex=\"-1\" autocomplete=\"off\" aria-hidden=\"true\" style=\"position:absolute;left:-9999px\">\n",
			html.EscapeString(form.Honeypot))
	}
	switch form.Challenge {
	case publicforms.Altcha:
		fmt.Fprintf(&b, "  <altcha-widget challengeurl=\"%s/challenge\"></altcha-widget>\n", html.EscapeString(address))
	case publicforms.Turnstile:
		fmt.Fprintf(&b, "  <div class=\"cf-turnstile\" data-sitekey=\"%s\"></div>\n", html.EscapeString(form.SiteKey))
	case publicforms.HCaptcha:
		fmt.Fprintf(&b, "  <div class=\"h-captcha\" data-sitekey=\"%s\"></div>\n", html.EscapeString(form.SiteKey))
	}
	b.WriteString("  <button>Send</button>\n</form>")
	return b.String()
}

// inputHTML is the element for a field.
func inputHTML(name string, f publicforms.Field) string {
	rest := ` name="` + html.EscapeString(name) + `"`
	if f.Required {
		rest += " required"
	}
	switch f.Type {
	case publicforms.Choice:
		if f.Multiple {
			rest += " multiple"
		}
		options := ""
		for _, option := range f.Options {
			options += "<option>" + html.EscapeString(option) + "</option>"
		}
		return "<select" + rest + ">" + options + "</select>"
	case publicforms.Number:
		return `<input type="number" step="any"` + bounds("min", f.Min) + bounds("max", f.Max) + rest + ">"
	case publicforms.Checkbox, publicforms.Date:
		return `<input type="` + f.Type + `"` + rest + ">"
	case publicforms.File:
		if f.Multiple {
			rest += " multiple"
		}
		return `<input type="file"` + rest + ">"
	}
	rest = bounds("minlength", f.Min) + bounds("maxlength", f.Max) + rest
	if (f.Type == "" || f.Type == publicforms.Text) && (f.Max == 0 || f.Max > longText) {
		return "<textarea" + rest + "></textarea>"
	}
	kind := f.Type
	if kind == "" {
		kind = publicforms.Text
	}
	return `<input type="` + kind + `"` + rest + ">"
}

func bounds(attribute string, value int) string {
	if value == 0 {
		return ""
	}
	return fmt.Sprintf(` %s="%d"`, attribute, value)
}

// formFetch sends examples of the fields, and shows what is wrong.
func formFetch(address string, fields map[string]publicforms.Field, names []string) string {
	values := map[string]any{}
	for _, name := range names {
		switch f := fields[name]; f.Type {
		case publicforms.Email:
			values[name] = "ada@example.com"
		case publicforms.URL:
			values[name] = "https://example.com"
		case publicforms.Tel:
			values[name] = "+49 30 123456"
		case publicforms.Date:
			values[name] = "2026-02-18"
		case publicforms.Choice:
			values[name] = f.Options[0]
		case publicforms.Number:
			values[name] = f.Min
		case publicforms.Checkbox:
			values[name] = true
		case publicforms.File:
		default:
			values[name] = strings.Repeat("Hello. ", f.Min/len("Hello. ")+1)[:max(len("Hello."), f.Min)]
		}
	}
	body, _ := json.MarshalIndent(values, "  ", "  ") // texts and numbers never fail
	return `const response = await fetch(` + strconv.Quote(address) + `, {
  method: "POST",
  headers: {"Content-Type": "application/json"},
  body: JSON.stringify(` + string(body) + `),
});
const answer = await response.json();
if (!response.ok) throw new Error([answer.detail, ...(answer.errors ?? []).map((e) => e.field + ": " + e.message)].join("\n"));`
}
