// Package jira is Jira's webhooks, of Cloud and of Data Center.
package jira

import (
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"beckon/calls/senders"
)

const signatureHeader = "X-Hub-Signature"

// Sender is documented at https://developer.atlassian.com/server/jira/platform/webhooks/
var Sender = &senders.Sender{
	Name: "jira", Title: "Jira", Group: senders.Chats, Async: true, Event: event,
	Setup: senders.Setup{
		About: "Issues and comments",
		Place: "Settings, System, WebHooks",
		Steps: []string{
			"Press Create a WebHook, and paste the URL.",
			"Paste the secret as Secret.",
			"Choose the events, and create it.",
		},
		Secret: "Secret",
	},
	Verify: senders.BodySignature(signatureHeader, "sha256=", deliveryID),
	Shows: func(_ senders.Proof, d senders.Delivery) bool {
		return d.Header.Get(signatureHeader) != "" && d.Header.Get("X-Atlassian-Webhook-Identifier") != ""
	},
	Prompt:     func(e senders.Event) string { return senders.Describe("Jira", e) },
	DeliveryID: deliveryID,
}

var deliveryID = senders.FromHeader("X-Atlassian-Webhook-Identifier")

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if !o.Has("webhookEvent") && !o.Has("issue") {
		return senders.Plain("jira", d)
	}
	issue, comment := o.Object("issue"), o.Object("comment")
	fields := issue.Object("fields")
	e := senders.NewEvent("jira")
	e.Type = strings.TrimPrefix(o.String("webhookEvent"), "jira:")
	e.Action = o.String("issue_event_type_name")
	e.ID, e.Key = deliveryID(d), issue.String("key")
	e.Title = strings.TrimSpace(e.Key + " " + fields.String("summary"))
	e.Text = document(fields, "description")
	if comment != nil {
		e.Text = document(comment, "body")
	}
	if self, err := url.Parse(issue.String("self")); err == nil && self.Host != "" && e.Key != "" {
		path, _, _ := strings.Cut(self.Path, "/rest/")
		e.URL = self.Scheme + "://" + self.Host + path + "/browse/" + url.PathEscape(e.Key)
	}
	e.Actor = o.String("user.displayName",
		"user.name", "comment.updateAuthor.displayName", "comment.author.displayName")
	e.Subject = fields.String("project.name", "project.key")
	e.State = strings.ToLower(fields.String("status.name"))
	e.Severity = strings.ToLower(fields.String("priority.name"))
	e.OccurredAt = o.Time("timestamp")
	e.Label("issue type", fields.String("issuetype.name"))
	e.Label("assignee", fields.String("assignee.displayName"))
	e.Label("reporter", fields.String("reporter.displayName"))
	e.Label("labels", senders.Joined(fields.Texts("labels", "name"), 20))
	e.Label("components", senders.Joined(fields.Texts("components", "name"), 20))
	e.Label("due", fields.String("duedate"))
	e.Label("sprint", o.String("sprint.name"))
	e.Label("version", o.String("version.name"))
	var changes []string
	for _, item := range o.Object("changelog").Objects("items") {
		if item.String("field") != "description" { // both are long, and the new one is the text
			changes = append(changes, item.String("field")+": "+senders.Clip(item.String("fromString"),
				200)+" → "+senders.Clip(item.String("toString"), 200))
		}
	}
	e.Label("changes", senders.Joined(changes, 20))
	return e
}

// document returns a text, or the text of a document in Atlassian's own format, of which a text node is a line.
func document(o senders.Object, name string) string {
	if text := o.String(name); text != "" {
		return senders.Body(text)
	}
	var b strings.Builder
	write(&b, gjson.Parse(o.Raw(name)), 0)
	return senders.Body(senders.Clean(b.String()))
}

func write(b *strings.Builder, node gjson.Result, depth int) {
	if depth > 20 || !node.IsObject() {
		return
	}
	b.WriteString(node.Get("text").String())
	node.Get("content").ForEach(func(_, child gjson.Result) bool {
		write(b, child, depth+1)
		return b.Len() < 1<<16
	})
	switch node.Get("type").String() {
	case "paragraph", "heading", "listItem", "codeBlock", "hardBreak":
		b.WriteString("\n")
	}
}
