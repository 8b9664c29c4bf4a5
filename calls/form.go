package calls

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/calls/forms"
	"beckon/calls/senders"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/fence"
	"beckon/internal/problem"
)

// The problems of forms that their callers can tell apart.
var (
	// ErrNoForm is for a key that no client has.
	ErrNoForm = problem.New(problem.NotFound, problem.CodeFormNotFound,
		"There is no form at this address. Its key may have been replaced.")
	errOrigin = problem.New(problem.Denied, problem.CodeOriginNotAllowed,
		"The form was sent from a page whose origin the client does not list (form.origins), "+
			"or that does not say its origin.")
)

// verifyForm returns the client whose form has the request's key. It checks the origin of the page and the limits of
// the address.
func verifyForm(_ context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	client := all.ByFormKey(r.FormKey, r.ReceivedAt)
	switch {
	case client == nil:
		return nil, ErrNoForm
	case client.Unusable || !client.IsEnabled():
		return client, nil // admit refuses it
	case !client.Form.Allows(r.Header):
		return client, errOrigin
	}
	return client, client.TakeForm(r.Address, time.Now())
}

// checkForm replaces the body by a JSON object of the form's fields. A form whose honeypot is filled in, a field that
// people do not see, gets the same response as any other, and starts no run.
func checkForm(ctx context.Context, c *Call) error {
	r, form := c.request, c.Client.Form
	sent, err := formValues(r)
	if err != nil {
		return err
	}
	submission, wrong := form.Read(sent, form.WordsFor(r.Header.Get("Accept-Language")))
	c.Redirect = form.RedirectTo(submission.Redirect, r.Header)
	if submission.IsSpam {
		c.Answer = &senders.Answer{Status: http.StatusOK}
		return nil
	}
	if len(wrong) > 0 {
		p := problem.New(problem.Unprocessable, problem.CodeInvalidFields,
			"Some fields of the form are not valid: errors lists them.")
		p.Fields = wrong
		return p
	}
	if form.Challenge != "" {
		if c.service.Challenges == nil {
			return problem.New(problem.Unavailable, problem.CodeChallengeUnavailable,
				"Challenges of forms cannot be verified.")
		}
		if err := c.service.Challenges.Use(ctx, form, c.Client.ID, submission.Solution, r.Address); err != nil {
			return err
		}
	}
	if r.Body, err = submission.JSON(); err != nil {
		return invalidForm("A field of the form cannot be read.")
	}
	r.Header.Set("Content-Type", "application/json")
	return nil
}

// formValues reads the fields of a form: one that a browser sent, or a JSON object.
func formValues(r *Request) (values []forms.Value, err error) {
	kind, err := kindOf(r.Header)
	switch {
	case err != nil:
		return nil, err
	case r.upload != nil:
		values = valuesOf(r.upload.fields)
	case kind.format == jsonFormat:
		values, err = jsonValues(r.Body)
	case kind.isForm():
		var fields []field
		if fields, err = kind.fields(r.Body); err != nil {
			return nil, err
		}
		values = valuesOf(fields)
	default:
		return nil, problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType,
			"Send a form: application/x-www-form-urlencoded, multipart/form-data, "+
				"or a JSON object as application/json.")
	}
	if len(values) > forms.MaxFields {
		return nil, invalidForm("The form has more fields than a form may have.")
	}
	return values, err
}

func valuesOf(fields []field) (values []forms.Value) {
	for _, f := range fields {
		values = append(values, forms.Value{
			Name:   f.name,
			Text:   f.value,
			IsFile: f.isBinary || f.fileName != "",
			Bytes:  f.bytes,
		})
	}
	return values
}

// jsonValues reads the members of a JSON object: strings, numbers, booleans, and lists of these. It leaves out null
// and false, as a browser leaves out a checkbox that is not checked.
func jsonValues(body []byte) (values []forms.Value, err error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(trimBOM(body), &members); err != nil || members == nil {
		return nil, problem.New(problem.Invalid, problem.CodeInvalidJSON, "The body is no JSON object of fields.")
	}
	for name, value := range members {
		var list []jsontext.Value
		if value.Kind() != '[' {
			list = []jsontext.Value{value}
		} else if err := json.Unmarshal(value, &list); err != nil {
			return nil, invalidForm("A field of the form cannot be read.")
		}
		for _, one := range list {
			switch one.Kind() {
			case '"':
				values = append(values, forms.Value{Name: name, Text: unquote(one)})
			case '0', 't':
				values = append(values, forms.Value{Name: name, Text: string(one)})
			case 'n', 'f':
			default:
				return nil, invalidForm("A field of the form is an object or a list in a list: send texts.")
			}
		}
	}
	return values, nil
}

// promptOfForm makes the prompt of a form. If the client has a template, it is rendered over the fields. Otherwise
// the prompt is that of the client or its command, with the fields below it. A visitor cannot choose an agent, a
// session or a callback.
func promptOfForm(client *clients.Member, all commands.Set, r *Request, maxBytes int) (p Prompt, err error) {
	passes, err := r.passes(client)
	switch {
	case err != nil:
		return Prompt{}, err
	case !passes:
		return Prompt{Skipped: SkippedByFilter}, nil
	}
	if client.PromptTemplate != nil {
		p, err = renderPrompt(client.PromptTemplate, client, r, maxBytes)
		p.Agent = ""
	} else if err = useStoredPrompt(client, all, &p); err == nil {
		text := fence.Text{Text: p.Text + "\n\n"}
		text.AddData(senders.Clean(client.Sender.Prompt(r.event(client))))
		text = text.TrimSpace()
		p.Text, p.spans = text.Text, text.Spans
	}
	if r.upload != nil && (client.PromptTemplate == nil || !client.PromptTemplate.Mentions("files")) {
		text := fence.Text{Text: p.Text, Spans: p.spans}
		text.AddData(r.upload.textOfFiles())
		p.Text, p.spans = text.Text, text.Spans
	}
	metadata, marshalErr := json.Marshal(map[string]jsontext.Value{"form": r.Body})
	if marshalErr == nil && len(metadata) <= clients.MaxMetadataBytes/2 {
		p.Metadata = metadata
	}
	return p, err
}
