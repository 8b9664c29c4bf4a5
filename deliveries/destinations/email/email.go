// Package email sends mails: as plain text, and as HTML.
package email

import (
	"net/mail"
	"net/url"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	beckonmail "beckon/internal/mail"
	"beckon/internal/markdown"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// The bounds of a mail.
const (
	maxText       = 200_000 // bytes; what is longer is a link
	maxSubject    = 200     // characters
	maxRecipients = 20
	maxRendered   = 16 << 10
	renderFor     = 100 * time.Millisecond
)

// Destination is email.
var Destination = &destinations.Destination{
	Name:   "email",
	Title:  "email",
	Fields: []string{"subject", "replyTo"},
	IsMail: true,
	Open:   open,
	Help:   "mailto: and the address as URL, and smtp in the configuration file. subject and replyTo may be templates.",
}

type templates struct {
	to               []string
	subject, replyTo *render.Template
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	var t templates
	if t.to = recipients(s.URL); t.to == nil {
		found.Add("url",
			"must be mailto: and an address, such as mailto:ops@example.com; several are separated by commas")
	}
	parse := func(field, text string) *render.Template { return r.ParseTemplate(field, text, &found) }
	t.subject, t.replyTo = parse("subject", s.Subject), parse("replyTo", s.ReplyTo)
	r.Request = t.request
	return r, found
}

// recipients reads mailto:a@example.com,b@example.com; nil when it is not that.
func recipients(raw string) (list []string) {
	written, ok := strings.CutPrefix(raw, "mailto:")
	if written, err := url.PathUnescape(written); ok && err == nil && !strings.ContainsAny(written, "?\r\n") {
		addresses, err := mail.ParseAddressList(written)
		if err != nil || len(addresses) > maxRecipients {
			return nil
		}
		for _, a := range addresses {
			list = append(list, a.Address)
		}
	}
	return list
}

func (t templates) request(m destinations.Message) (q destinations.Request, err error) {
	subject := headlineOf(m)
	if t.subject != nil {
		if subject, err = rendered("subject", t.subject, m); err != nil {
			return q, err
		}
	}
	out := &beckonmail.Mail{
		ID:      m.ID,
		To:      t.to,
		Subject: destinations.Cut(strings.Join(strings.Fields(subject), " "), maxSubject),
	}
	if t.replyTo != nil {
		address, err := rendered("replyTo", t.replyTo, m)
		if err != nil {
			return q, err
		}
		// what a stranger has typed may be none
		if one, err := beckonmail.ParseAddress(strings.TrimSpace(address)); err == nil {
			out.ReplyTo = one.Address // a name may be made to look like another address
		}
	} else if m.Form != nil {
		out.ReplyTo = m.Form.ReplyTo
	}
	if m.Form != nil {
		m.Output = answerOf(m)
	}
	source, isCut := m.Markdown(), false
	if len(source) > maxText {
		source, isCut = source[:strings.LastIndexByte(source[:maxText], '\n')+1], true
	}
	text := markdown.Read(source, maxText)
	plain := ""
	if isCut {
		plain = m.Fit(markdown.Plain, maxText)
	} else {
		plain = m.FitBlocks(markdown.Plain, maxText, text.Blocks(markdown.Plain))
	}
	out.Plain = markdown.Plain.Text(headlineOf(m)) + "\n\n" + plainOfForm(m) + plain + "\n"
	out.HTML = htmlOf(m, text, isCut)
	return destinations.Request{Mail: out}, nil
}

// htmlOf is a mail as a page: its Markdown as safe HTML, in which nothing is loaded from elsewhere.
func htmlOf(m destinations.Message, text *markdown.Text, isCut bool) string {
	const begin = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body " +
		"style=\"font-family:sans-serif;line-height:1.5;max-width:42em\">\n<h2>"
	const end = "</body></html>\n"
	answer := string(text.HTML())
	var b strings.Builder
	b.Grow(len(begin) + len(answer) + len(end) + 512)
	for _, part := range []string{begin, markdown.EscapeHTML(headlineOf(m)), "</h2>\n", htmlOfForm(m), answer} {
		b.WriteString(part)
	}
	if isCut {
		b.WriteString("<p>" + linkOf("… Read the rest", m.Link) + "</p>")
	}
	for _, f := range m.Files {
		b.WriteString("<p>" + linkOf(f.Name, f.URL) + "</p>\n")
	}
	if !isCut && m.Link != "" {
		b.WriteString("<p>" + linkOf("Open the run", m.Link) + "</p>\n")
	}
	b.WriteString(end)
	return b.String()
}

func linkOf(text, to string) string {
	if to, _, ok := markdown.SafeURL(to); ok {
		return `<a href="` + markdown.EscapeHTML(to) + `">` + markdown.EscapeHTML(text) + "</a>"
	}
	return markdown.EscapeHTML(text)
}

func rendered(what string, t *render.Template, m destinations.Message) (string, error) {
	data, err := m.Data(t)
	if err != nil {
		return "", err
	}
	text, err := t.Render(data, render.Limits{MaxBytes: maxRendered, Time: renderFor})
	if err != nil {
		return "", problem.New(problem.Unprocessable, problem.CodeTemplateFailed,
			"The endpoint's %s cannot be made of this event: %s. Correct its template.", what,
			strings.TrimSuffix(err.Error(), "."))
	}
	return text, nil
}
