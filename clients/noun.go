package clients

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/calls/forms"
	"beckon/commands"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/render"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/tools/names"
)

// section is that of clients.
const section = "clients"

// Noun declares clients.
func Noun() catalog.Noun[Client] {
	return catalog.Noun[Client]{
		Kind: catalog.Kind{Section: section, One: "client",
			FileSecrets: map[string]string{"token": "the one that the sender has, or another for it"}},
		Secrets: func(c *Client) catalog.Secrets {
			return catalog.Secrets{Keys: map[string]*secret.String{
				"webhookSecret": &c.WebhookSecret,
				"form.secret":   &c.Form.Secret,
			}}
		},
		References: references,
		CheckFile:  checkTokens,
		CheckAmong: checkAmong,
		CheckChange: func(v *catalog.View, _, c Client) (found problem.Fields) {
			found = append(found, sharedFormKey(v, c)...)
			c.signingSecrets(func(path string, s secret.String) { catalog.CheckGiven(&found, path, s) })
			return found
		},
		Revise: func(have, next Client) Client {
			next.keepSecrets(have)
			if have.ID == "" {
				return next.Prepared()
			}
			next = next.withFormKey(have.Form)
			next.Since, next.Retired = have.Since, have.Retired
			given := next.WebhookSecret
			next.WebhookSecret = have.WebhookSecret
			return next.withWebhookSecret(given, time.Now())
		},
		Saved: func(tx store.Tx, c Client, isNew bool) (secret.String, error) {
			if !isNew && c.KeepRequests > 0 {
				return "", nil
			}
			if !isNew {
				return "", forgetRequests(tx, c.ID)
			}
			if err := forgetKeys(tx, c.ID); err != nil {
				return "", err
			}
			return addToken(tx, c.ID, time.Now())
		},
		Deleted: deleteOwned,
	}
}

// Prepared returns a client that begins now.
func (c Client) Prepared() Client {
	c.Since = time.Now().UTC().Truncate(time.Millisecond) // as JSON keeps it
	return c.withFormKey(forms.Form{})
}

func references(c Client) []catalog.Reference {
	list := []catalog.Reference{{Path: "commandId", To: "commands", ID: c.CommandID}}
	for i, id := range c.AllowedAgents {
		list = append(list, catalog.Reference{Path: fmt.Sprintf("allowedAgents[%d]", i), To: "agents", ID: id})
	}
	return append(list, names.References("tools", c.Tools)...)
}

// checkTokens finds what is wrong with the tokens that a file gives.
func checkTokens(_ catalog.File, list []Client) []problem.Fields {
	all, owner := make([]problem.Fields, len(list)), map[string]string{}
	for i, c := range list {
		found, token := &all[i], c.Token.Reveal()
		switch other, taken := owner[token]; {
		case token == "" && (!c.NeedsToken() || c.callsItselfOnly()):
		case token == "" && c.HasSource() && known.Scheme(c.Source) != nil && len(c.Auth) == 0:
			found.Add("secret",
				"is required: what %s signs with, best written as a ${VARIABLE}; or auth, "+
					"which lists how its calls prove themselves; or token, for calls with a bearer token", c.Source)
		case token == "":
			found.Add("token", "is required: the bearer token of this client, best written as a ${VARIABLE}")
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
			found.Add("token", "must be printable ASCII without spaces: it travels in a header")
		case taken:
			found.Add("token", "is also the token of client %q: every client needs its own", problem.Shorten(other))
		default:
			owner[token] = c.ID
		}
	}
	return all
}

func checkAmong(v *catalog.View, c Client) (found problem.Fields) {
	if _, err := render.Parse(c.Template); c.Template != "" && err != nil {
		found.Add("template", "%s", err)
	}
	command, ok := catalog.Find[commands.Command](v, c.CommandID)
	if ok && command.AgentID != "" && !slices.Contains(c.AllowedAgents, command.AgentID) {
		found.Add("allowedAgents", "must hold %q, which the command %q runs on", command.AgentID, c.CommandID)
	}
	return found
}

// SetOf returns the clients of a view with their credentials: the token in the file, or those in the database (see
// Credential). A client of the database that is not in force is in the set but unusable: an authenticated caller
// learns that, and its running calls keep their limits and the secret for their callbacks.
func SetOf(v *catalog.View, stored map[string][]Credential, limits *Limits) (*Set, []problem.Finding) {
	var list []Declared
	for _, r := range catalog.Records[Client](v) {
		c := r.Item
		switch {
		case r.Origin == catalog.FromConfig:
			d := Declared{Client: c}
			if c.Token != "" {
				d.Credentials = []Credential{{Hash: HashOf(c.Token.Reveal())}}
			}
			list = append(list, d)
		case len(r.Warnings) == 0:
			list = append(list, Declared{Client: c, Credentials: stored[c.ID]})
		default:
			rest := Client{
				ID:            c.ID,
				Since:         c.Since,
				MaxConcurrent: c.MaxConcurrent,
				WebhookSecret: c.WebhookSecret,
				Retired:       c.Retired,
				Auth:          c.Auth,
				Source:        c.Source,
				Secret:        c.Secret,
				CORS:          c.CORS,
				Form:          c.Form,
				Redact:        c.Redact,
				StoreContent:  c.StoreContent,
			}
			list = append(list, Declared{Client: rest, Credentials: stored[c.ID], Unusable: true})
		}
	}
	return NewSet(list, limits)
}
