// Package bitbucket is Bitbucket's webhooks, of Cloud and of Data Center.
package bitbucket

import (
	"cmp"
	"net/http"
	"strings"

	"beckon/calls/senders"
)

const signatureHeader = "X-Hub-Signature"

// Sender is documented at https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and
// https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
var Sender = &senders.Sender{
	Name: "bitbucket", Title: "Bitbucket", Group: senders.Git, Async: true, Event: event,
	Setup: senders.Setup{
		About: "Pushes, pull requests, issues",
		Place: "Repository settings, Webhooks",
		Steps: []string{
			"Press Add webhook, and paste the URL.",
			"Paste the secret as Secret.",
			"Choose the triggers, and save it.",
		},
		Secret: "Secret",
	},
	Verify: senders.BodySignature(signatureHeader, "sha256=", deliveryID),
	Shows: func(_ senders.Proof, d senders.Delivery) bool {
		return d.Header.Get(signatureHeader) != "" && d.Value("X-Event-Key") != ""
	},
	Prompt:     func(e senders.Event) string { return senders.Describe("Bitbucket", e) },
	DeliveryID: deliveryID,
	Handshake: func(d senders.Delivery) (*senders.Answer, error) { // Data Center's button "Test connection"
		if d.Value("X-Event-Key") != "diagnostics:ping" {
			return nil, nil
		}
		return &senders.Answer{Status: http.StatusOK}, nil
	},
}

var deliveryID = senders.FromHeader("X-Request-Uuid", "X-Request-Id")

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if o == nil {
		return senders.Plain("bitbucket", d)
	}
	e := senders.NewEvent("bitbucket")
	e.Type, e.ID = cmp.Or(d.Value("X-Event-Key"), o.String("eventKey")), deliveryID(d)
	if i := strings.LastIndex(e.Type, ":"); i >= 0 {
		e.Action = e.Type[i+1:]
	}
	e.Actor = o.String("actor.display_name", "actor.displayName", "actor.nickname", "actor.name")
	repository := o.Object("repository")
	if repository == nil { // of Data Center's pull requests
		repository = o.Object("pullRequest").Object("toRef").Object("repository")
	}
	e.Subject = repository.String("full_name")
	if e.Subject == "" {
		e.Subject = strings.Trim(repository.String("project.key")+"/"+repository.String("slug"), "/")
	}
	e.URL, e.OccurredAt, e.Key = repository.String("links.html.href", "links.self.0.href"), o.Time("date"), e.Subject
	switch {
	case o.Has("pullrequest"):
		pullRequest(&e, o.Object("pullrequest"), "source.branch.name", "destination.branch.name")
	case o.Has("pullRequest"):
		pullRequest(&e, o.Object("pullRequest"), "fromRef.displayId", "toRef.displayId")
	case o.Has("push"):
		push(&e, o.Object("push").Objects("changes"))
	case o.Has("changes"):
		serverPush(&e, o)
	case o.Has("issue"):
		issue(&e, o.Object("issue"))
	case o.Has("commit_status"):
		commitStatus(&e, o.Object("commit_status"))
	}
	if comment := o.Object("comment"); comment != nil {
		e.Text = senders.Body(comment.String("content.raw", "text"))
		e.URL = cmp.Or(comment.String("links.html.href"), e.URL)
		e.OccurredAt = cmp.Or(comment.Time("updated_on", "created_on", "updatedDate"), e.OccurredAt)
		e.Label("file", comment.String("inline.path"))
		e.Label("line", comment.String("inline.to"))
	}
	return e
}

func pullRequest(e *senders.Event, o senders.Object, from, to string) {
	number := o.String("id")
	e.Key, e.Title = e.Subject+"#"+number, "#"+number+" "+o.String("title")
	e.Text, e.State = senders.Body(o.String("description", "summary.raw")), strings.ToLower(o.String("state"))
	e.URL = cmp.Or(o.String("links.html.href", "links.self.0.href"), e.URL)
	e.OccurredAt = cmp.Or(o.Time("updated_on", "updatedDate", "created_on"), e.OccurredAt)
	e.Label("number", number)
	e.Label("author", o.String("author.display_name", "author.user.displayName"))
	e.Label("branch", o.String(from))
	e.Label("into", o.String(to))
	e.Label("commit", senders.Short(o.String("source.commit.hash", "fromRef.latestCommit")))
	e.Label("reason", o.String("reason"))
	e.Label("reviewers", senders.Joined(o.Texts("reviewers", "display_name"), 20))
}

func issue(e *senders.Event, o senders.Object) {
	number := o.String("id")
	e.Key, e.Title = e.Subject+"#"+number, "#"+number+" "+o.String("title")
	e.Text, e.State = senders.Body(o.String("content.raw")), o.String("state")
	e.Severity, e.URL = o.String("priority"), cmp.Or(o.String("links.html.href"), e.URL)
	e.OccurredAt = o.Time("updated_on", "created_on")
	e.Label("number", number)
	e.Label("kind", o.String("kind"))
}

func commitStatus(e *senders.Event, o senders.Object) {
	e.State = strings.ToLower(o.String("state"))
	e.Title = o.String("name", "key")
	e.Text = senders.Body(o.String("description"))
	e.URL, e.OccurredAt = cmp.Or(o.String("url"), e.URL), o.Time("updated_on", "created_on")
	e.Key = e.Subject + "@" + o.String("commit.hash")
	e.Label("branch", o.String("refname"))
	e.Label("commit", senders.Short(o.String("commit.hash")))
}

func push(e *senders.Event, changes []senders.Object) {
	var lines, titles []string
	for _, change := range changes {
		now, before := change.Object("new"), change.Object("old")
		name := cmp.Or(now.String("name"), before.String("name"))
		commits := change.Objects("commits")
		switch {
		case now == nil:
			titles = append(titles, name+" was deleted")
		case before == nil:
			titles = append(titles, name+" is new")
		default:
			titles = append(titles, senders.Count(len(commits), "commit")+" to "+name)
		}
		for _, commit := range commits {
			lines = append(lines,
				senders.Short(commit.String("hash"))+" "+commit.String("author.user.display_name", "author.raw")+": "+
					strings.TrimSpace(commit.String("message")))
		}
		if change.True("truncated") {
			lines = append(lines, "and more commits, which Bitbucket leaves out")
		}
		e.URL = cmp.Or(change.String("links.html.href"), e.URL)
		e.OccurredAt = cmp.Or(now.Time("target.date"), e.OccurredAt)
		e.Label("ref", name)
		e.Label("before", senders.Short(before.String("target.hash")))
		e.Label("after", senders.Short(now.String("target.hash")))
		e.Key = e.Subject + "@" + name
	}
	e.Title, e.Text = senders.Joined(titles, 5), senders.Body(strings.Join(lines, "\n"))
}

func serverPush(e *senders.Event, o senders.Object) {
	var titles []string
	for _, change := range o.Objects("changes") {
		name := change.String("ref.displayId")
		titles = append(titles, strings.ToLower(change.String("type"))+" "+name)
		e.Label("ref", name)
		e.Label("before", senders.Short(change.String("fromHash")))
		e.Label("after", senders.Short(change.String("toHash")))
		e.Key = e.Subject + "@" + name
	}
	e.Title, e.Text = senders.Joined(titles, 5), senders.Body(senders.Commits(o.Objects("commits")))
}
