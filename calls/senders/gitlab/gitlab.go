// Package gitlab is GitLab's webhooks, of projects, groups and the whole instance.
package gitlab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"beckon/calls/senders"
	"beckon/internal/repository"
	"beckon/internal/secret"
)

// Sender is documented at https://docs.gitlab.com/user/project/integrations/webhooks/. It disables a hook after
// four failures in a row.
var Sender = &senders.Sender{
	Name: "gitlab", Title: "GitLab", Group: senders.Git, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Pushes, merge requests, issues, pipelines",
		Place: "Settings, Webhooks, of a project or group",
		Steps: []string{
			"Press Add new webhook, and paste the URL.",
			"Paste the secret as Secret token.",
			"Choose the triggers, add the webhook, and press Test.",
		},
		Secret: "Secret token",
	},
	Shows:      senders.Header(tokenHeader, "Webhook-Signature"),
	Prompt:     func(e senders.Event) string { return senders.Describe("GitLab", e) },
	DeliveryID: deliveryID,
}

const tokenHeader = "X-Gitlab-Token"

var deliveryID = senders.FromHeader("X-Gitlab-Event-Uuid", "Idempotency-Key", "Webhook-Id")

// verify checks the signing token where the hook has one, else the secret token, which GitLab shows as it is.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	if len(d.Header.Values("Webhook-Signature")) > 0 {
		return verifySigned(p, d, now)
	}
	token, err := senders.One(d.Header, tokenHeader)
	if err != nil {
		return senders.Proved{}, err
	}
	if !senders.Same(p.Secrets, token) {
		return senders.Proved{}, senders.RefuseToken(tokenHeader)
	}
	return senders.Proved{DeliveryID: deliveryID(d)}, nil
}

// verifySigned checks a signature over "id.time.body".
func verifySigned(p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	values := map[string]string{}
	for _, name := range []string{"Webhook-Signature", "Webhook-Id", "Webhook-Timestamp"} {
		value, err := senders.One(d.Header, name)
		if err != nil {
			return senders.Proved{}, err
		}
		values[name] = value
	}
	if strings.Contains(values["Webhook-Id"], ".") {
		return senders.Proved{}, senders.Refuse("The Webhook-Id has a full stop, which separates what is signed.")
	}
	at, err := senders.Seconds(values["Webhook-Timestamp"], p.Tolerance, now)
	if err != nil {
		return senders.Proved{}, err
	}
	var signatures [][]byte
	for one := range strings.FieldsSeq(values["Webhook-Signature"]) {
		if encoded, ok := strings.CutPrefix(one, "v1,"); ok {
			if raw, err := senders.Base64(encoded); err == nil {
				signatures = append(signatures, raw)
			}
		}
	}
	head := values["Webhook-Id"] + "." + values["Webhook-Timestamp"] + "."
	if !senders.SignedBy(keys(p.Secrets), sha256.New, signatures, []byte(head), d.Body) {
		return senders.Proved{}, senders.Mismatch
	}
	return senders.Proved{
		DeliveryID: values["Webhook-Id"],
		Signed:     true,
		Signature:  values["Webhook-Signature"],
		At:         at,
	}, nil
}

// keys decodes signing tokens: whsec_ and base64. Any other text is the key itself.
func keys(secrets []secret.String) []secret.String {
	keys := make([]secret.String, len(secrets))
	for i, s := range secrets {
		keys[i] = s
		if encoded, ok := strings.CutPrefix(s.Reveal(), "whsec_"); ok {
			if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				keys[i] = secret.String(raw)
			}
		}
	}
	return keys
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if !o.Has("object_kind") && !o.Has("event_name") {
		return senders.Plain("gitlab", d)
	}
	e := senders.NewEvent("gitlab")
	e.Type, e.ID = o.String("object_kind", "event_name", "event_type"), deliveryID(d)
	e.Actor = o.String("user.name", "user_name", "user.username", "user_username")
	e.Subject = o.String("project.path_with_namespace",
		"project_path", "project_name", "group.full_path", "path_with_namespace")
	e.URL = o.String("project.web_url", "project.homepage")
	e.SetCommit(o.String("project.path_with_namespace", "path_with_namespace"))
	attributes := o.Object("object_attributes")
	switch e.Type {
	case "push", "tag_push":
		push(&e, o)
	case "pipeline":
		pipeline(&e, o, attributes)
	case "build":
		job(&e, o)
	default:
		if attributes == nil {
			attributes = o // releases, deployments, and most of the newer events
		}
		object(&e, o, attributes)
	}
	return e
}

// object reads issues, merge requests, notes and whatever else has attributes.
func object(e *senders.Event, o, attributes senders.Object) {
	about := attributes
	for _, name := range []string{"merge_request", "issue", "snippet", "commit"} { // what a note belongs to
		if nested := o.Object(name); nested != nil && e.Type == "note" {
			about = nested
			break
		}
	}
	mark, thing := "#", ""
	switch {
	case e.Type == "merge_request" || e.Type == "note" && o.Has("merge_request"):
		mark, thing = "!", repository.MergeRequest
	case e.Type == "issue" || e.Type == "work_item" || e.Type == "note" && o.Has("issue"):
		thing = repository.Issue
	}
	e.Action = attributes.String("action")
	e.State = attributes.String("state", "status")
	if e.State == "" {
		e.State = about.String("state")
	}
	e.Title = senders.First(about.String("title", "name", "message", "environment"))
	e.Text = senders.Body(attributes.String("note", "description", "content", "message"))
	e.URL = cmp.Or(attributes.String("url", "deployable_url"), e.URL)
	if e.Severity = strings.ToLower(attributes.String("severity")); e.Severity == "unknown" {
		e.Severity = "" // every issue has it
	}
	e.OccurredAt = attributes.Time("updated_at", "released_at", "status_changed_at", "created_at")
	e.Key = e.Subject + "/" + e.Type + "/" + attributes.String("id", "tag")
	if number := about.String("iid"); number != "" {
		e.Title, e.Key = mark+number+" "+e.Title, e.Subject+mark+number
		e.Label("number", number)
		e.SetNumber(thing, number)
	}
	e.Label("branch", about.String("source_branch"))
	e.Label("into", about.String("target_branch"))
	commit := about.String("last_commit.id", "id_of_commit", "sha")
	e.Label("commit", senders.Short(commit))
	e.SetCommit(e.Place.Repository, commit, o.String("commit.id"))
	e.Label("merge status", about.String("detailed_merge_status"))
	if about.True("draft") || about.True("work_in_progress") {
		e.Label("draft", "true")
	}
	e.Label("labels", senders.Joined(o.Texts("labels", "title"), 20))
	e.Label("assignees", senders.Joined(o.Texts("assignees", "name"), 20))
	e.Label("reviewers", senders.Joined(o.Texts("reviewers", "name"), 20))
	e.Label("tag", attributes.String("tag"))
	e.Label("environment", attributes.String("environment"))
	e.Label("file", attributes.String("position.new_path", "slug"))
	e.Label("line", attributes.String("position.new_line"))
	if o.True("object_attributes.confidential") {
		e.Label("confidential", "true")
	}
	var changed []string
	for _, name := range []string{"title", "description", "labels", "assignees", "state_id", "target_branch", "draft"} {
		if o.Object("changes").Has(name) {
			changed = append(changed, strings.TrimSuffix(name, "_id"))
		}
	}
	e.Label("changed", strings.Join(changed, ", "))
}

const nothing = "0000000000000000000000000000000000000000" // before a branch is made, after it is deleted

func push(e *senders.Event, o senders.Object) {
	ref := o.String("ref")
	name := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
	commits := o.Objects("commits")
	total := max(int(o.Int("total_commits_count")), len(commits))
	e.Key = e.Subject + "@" + ref
	e.Title = senders.Count(total, "commit") + " to " + name
	switch {
	case o.String("after") == nothing:
		e.Action, e.Title = "deleted", name+" was deleted"
	case o.String("before") == nothing:
		e.Action = "created"
		if total == 0 || e.Type == "tag_push" {
			e.Title = name + " is new"
		}
	}
	e.Text = senders.Commits(commits)
	if total > len(commits) {
		e.Text += fmt.Sprintf("%d more commits", total-len(commits))
	}
	if message := o.String("message"); message != "" {
		e.Text = message + "\n\n" + e.Text
	}
	e.Text = senders.Body(e.Text)
	if len(commits) > 0 {
		e.OccurredAt = commits[len(commits)-1].Time("timestamp")
	}
	e.Label("ref", ref)
	e.Label("before", senders.Short(o.String("before")))
	e.Label("after", senders.Short(o.String("after")))
	// after is the tag's own where that has a message
	e.SetCommit(e.Place.Repository, o.String("checkout_sha"), o.String("after"))
}

func pipeline(e *senders.Event, o, attributes senders.Object) {
	e.State, e.Action = attributes.String("status"), attributes.String("status")
	e.Key = e.Subject + "/pipeline/" + attributes.String("id")
	e.Title = strings.TrimSpace("#" + attributes.String("id") + " " + attributes.String("name"))
	e.URL = cmp.Or(attributes.String("url"), e.URL)
	e.OccurredAt = attributes.Time("finished_at", "created_at")
	e.Label("ref", attributes.String("ref"))
	e.Label("commit", senders.Short(attributes.String("sha")))
	e.SetCommit(e.Place.Repository, attributes.String("sha"))
	e.Label("message", senders.First(o.String("commit.title", "commit.message")))
	e.Label("author", o.String("commit.author.name"))
	e.Label("trigger", attributes.String("source"))
	e.Label("duration", attributes.String("duration"))
	e.Label("merge request", o.String("merge_request.title"))
	var lines []string
	for _, job := range o.Objects("builds") {
		line := fmt.Sprintf("%s / %s: %s", job.String("stage"), job.String("name"), job.String("status"))
		if reason := job.String("failure_reason"); reason != "" {
			line += " (" + strings.ReplaceAll(reason, "_", " ") + ")"
		}
		if job.True("allow_failure") {
			line += ", may fail"
		}
		lines = append(lines, line)
	}
	e.Text = senders.Body(strings.Join(lines, "\n"))
}

func job(e *senders.Event, o senders.Object) {
	e.State, e.Action = o.String("build_status"), o.String("build_status")
	e.Title = o.String("build_stage") + " / " + o.String("build_name")
	e.Key = e.Subject + "/job/" + o.String("build_id")
	if e.URL != "" {
		e.URL += "/-/jobs/" + o.String("build_id")
	}
	e.OccurredAt = o.Time("build_finished_at", "build_started_at", "build_created_at")
	e.Text = strings.ReplaceAll(o.String("build_failure_reason"), "_", " ")
	e.Label("ref", o.String("ref"))
	e.Label("commit", senders.Short(o.String("sha")))
	e.SetCommit(e.Place.Repository, o.String("sha"))
	e.Label("message", senders.First(o.String("commit.message")))
	e.Label("pipeline", o.String("pipeline_id"))
	e.Label("duration", o.String("build_duration"))
	e.Label("runner", o.String("runner.description"))
}
