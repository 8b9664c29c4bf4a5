package github

import (
	"cmp"
	"fmt"
	"strings"

	"beckon/calls/senders"
	"beckon/internal/repository"
)

// members are where the events of a type tell of what happened, unless it is in the member of the type's own name.
var members = map[string]string{
	"issues":                         "issue",
	"issue_comment":                  "comment",
	"commit_comment":                 "comment",
	"discussion_comment":             "comment",
	"pull_request_review":            "review",
	"pull_request_review_comment":    "comment",
	"pull_request_review_thread":     "thread",
	"pull_request_comment":           "comment",
	"pull_request_approved":          "review",
	"pull_request_rejected":          "review",
	"code_scanning_alert":            "alert",
	"dependabot_alert":               "alert",
	"secret_scanning_alert":          "alert",
	"repository_vulnerability_alert": "alert",
	"registry_package":               "registry_package",
	"deploy_key":                     "key",
	"installation_repositories":      "installation",
	"page_build":                     "build",
}

// event reads the types by what they have in common: a subject with a title, a body and a URL, within an issue or pull
// request, within a repository.
func event(source, kind, id string, d senders.Delivery) senders.Event {
	o := d.Payload()
	if o == nil {
		e := senders.Plain(source, d)
		e.Type, e.ID = kind, id
		return e
	}
	e := senders.NewEvent(source)
	e.Type, e.Action, e.ID = kind, o.String("action"), id
	e.Actor = o.String("sender.login", "pusher.name")
	e.Subject = o.String("repository.full_name", "organization.login", "enterprise.slug", "installation.account.login")
	e.SetCommit(o.String("repository.full_name"))
	switch kind {
	case "push":
		push(&e, o)
		return e
	case "status":
		status(&e, o)
		return e
	}

	main := o.Object(cmp.Or(members[kind], kind))
	about := o.Object("issue") // what a comment or review belongs to
	if about == nil {
		about = o.Object("pull_request")
	}
	if about == nil {
		about = o.Object("discussion")
	}
	if main == nil {
		main = about
	}
	title(&e, o, main, about)
	e.Text = text(main)
	e.URL = main.String("html_url", "target_url", "build_url")
	if e.URL == "" {
		e.URL = o.String("repository.html_url")
	}
	e.State = main.String("conclusion", "state", "status")
	if main.True("merged") {
		e.State = "merged"
	}
	e.State = strings.ToLower(cmp.Or(e.State, about.String("state")))
	e.Severity = strings.ToLower(main.String("security_advisory.severity",
		"rule.security_severity_level", "rule.severity", "severity"))
	e.OccurredAt = main.Time("submitted_at", "updated_at", "completed_at", "published_at", "created_at", "starred_at")
	labels(&e, o, main, about)
	key(&e, main, about)
	return e
}

func title(e *senders.Event, o, main, about senders.Object) {
	number := about.String("number")
	if number == "" {
		number = main.String("number")
	}
	e.Title = about.String("title")
	if e.Title == "" {
		e.Title = main.String("display_title",
			"title", "name", "tag_name", "summary", "environment", "rule.description", "security_advisory.summary")
	}
	if e.Title == "" {
		e.Title = o.String("deployment.environment", "ref", "zen", "member.login", "user.login", "forkee.full_name")
	}
	if e.Title != "" && number != "" {
		e.Title = "#" + number + " " + e.Title
	}
	e.Title = senders.First(e.Title)
	e.Label("number", number)
	e.SetNumber(thingOf(e.Type, o), number)
}

// thingOf is what the number of an event counts. Alerts and milestones have numbers of their own.
func thingOf(kind string, o senders.Object) string {
	switch {
	case strings.HasPrefix(kind, "pull_request") || o.Object("issue").Has("pull_request"):
		// to a comment, a pull request is an issue
		return repository.PullRequest
	case kind == "issues" || kind == "issue_comment":
		return repository.Issue
	case strings.HasPrefix(kind, "discussion"):
		return repository.Discussion
	}
	return ""
}

func text(main senders.Object) string {
	said := main.String("body",
		"description", "output.summary", "output.title", "message", "security_advisory.description")
	if hunk := main.String("diff_hunk"); hunk != "" { // what a comment is on
		said += "\n\n" + hunk
	}
	return senders.Body(said)
}

func key(e *senders.Event, main, about senders.Object) {
	thing := about.String("number")
	if thing == "" {
		thing = main.String("number")
	}
	switch {
	case thing != "":
		e.Key = e.Subject + "#" + thing
	case main.String("id") != "":
		e.Key = e.Subject + "/" + e.Type + "/" + main.String("id")
	default:
		e.Key = strings.Trim(e.Subject+"/"+e.Type, "/")
	}
}

func labels(e *senders.Event, o, main, about senders.Object) {
	change := main // a pull request, or the one that a review belongs to
	if !change.Has("head") && about.Has("head") {
		change = about
	}
	e.Label("branch", change.String("head.ref", "head_branch", "check_suite.head_branch"))
	e.Label("into", change.String("base.ref"))
	commit := change.String("head.sha", "head_sha", "sha", "commit_id")
	e.Label("commit", senders.Short(commit))
	e.SetCommit(e.Place.Repository, commit, o.String("deployment.sha", "commit_oid"))
	e.Label("author", about.String("user.login"))
	if change.Has("changed_files") {
		e.Label("size", fmt.Sprintf("%s in %s, +%d −%d lines", senders.Count(int(change.Int("commits")), "commit"),
			senders.Count(int(change.Int("changed_files")), "file"), change.Int("additions"), change.Int("deletions")))
	}
	if change.True("draft") {
		e.Label("draft", "true")
	}
	if main.True("prerelease") {
		e.Label("prerelease", "true")
	}
	e.Label("labels", senders.Joined(about.Texts("labels", "name"), 20))
	e.Label("assignees", senders.Joined(about.Texts("assignees", "login"), 20))
	e.Label("milestone", about.String("milestone.title"))
	e.Label("label", o.String("label.name"))
	e.Label("reviewer", o.String("requested_reviewer.login", "requested_team.name"))
	e.Label("category", about.String("category.name"))
	e.Label("tag", main.String("tag_name"))
	e.Label("workflow", o.String("workflow.name", "workflow_job.workflow_name"))
	e.Label("trigger", main.String("event"))
	e.Label("run", main.String("run_number"))
	e.Label("attempt", main.String("run_attempt"))
	e.Label("environment", main.String("environment"))
	e.Label("ref", o.String("ref"))
	e.Label("ref type", o.String("ref_type"))
	e.Label("package", main.String("dependency.package.name", "affected_package_name", "name_with_owner"))
	e.Label("file", main.String("path", "most_recent_instance.location.path", "dependency.manifest_path"))
	e.Label("line", main.String("line", "most_recent_instance.location.start_line"))
	e.Label("cve", main.String("security_advisory.cve_id", "cve_id", "external_identifier"))
	e.Label("tool", main.String("tool.name"))
	e.Label("failed steps", failedSteps(main))
	var changed []string
	for _, name := range []string{"title", "body", "base", "name", "description"} {
		if o.Object("changes").Has(name) {
			changed = append(changed, name)
		}
	}
	e.Label("edited", strings.Join(changed, ", "))
}

func failedSteps(job senders.Object) string {
	var names []string
	for _, step := range job.Objects("steps") {
		if step.String("conclusion") == "failure" {
			names = append(names, step.String("name"))
		}
	}
	return senders.Joined(names, 10)
}

// push lists the commits, the newest last, as they are sent.
func push(e *senders.Event, o senders.Object) {
	ref := o.String("ref")
	name := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
	e.Key, e.URL, e.OccurredAt = e.Subject+"@"+ref, o.String("compare", "compare_url"), o.Time("head_commit.timestamp")
	commits := o.Objects("commits")
	switch {
	case o.True("deleted"):
		e.Action, e.Title = "deleted", name+" was deleted"
	case o.True("created"):
		e.Action, e.Title = "created", name+" is new"
	case o.True("forced"):
		e.Action = "forced"
	}
	if len(commits) > 0 {
		e.Title = senders.Count(len(commits), "commit") + " to " + name
	}
	e.Label("ref", ref)
	e.Label("before", senders.Short(o.String("before")))
	e.Label("after", senders.Short(o.String("after")))
	// after is the tag's own where that has a message
	e.SetCommit(e.Place.Repository, o.String("head_commit.id"), o.String("after"))
	e.Label("pusher", o.String("pusher.name", "pusher.login"))
	e.Text = senders.Body(senders.Commits(commits))
}

func status(e *senders.Event, o senders.Object) {
	e.State, e.Title, e.Text = o.String("state"), o.String("context"), senders.Body(o.String("description"))
	e.URL, e.OccurredAt = o.String("target_url", "commit.html_url"), o.Time("updated_at", "created_at")
	e.Key = e.Subject + "@" + o.String("sha")
	e.Label("commit", senders.Short(o.String("sha")))
	e.SetCommit(e.Place.Repository, o.String("sha"))
	e.Label("message", senders.First(o.String("commit.commit.message")))
	e.Label("branches", senders.Joined(o.Texts("branches", "name"), 10))
}
