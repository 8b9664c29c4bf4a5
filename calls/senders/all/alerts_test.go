package all_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
)

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt"`
	EndsAt      string            `json:"endsAt"`
	Fingerprint string            `json:"fingerprint,omitempty"`
}

func alertmanager(t testing.TB, alerts ...alert) senders.Delivery {
	body, err := json.Marshal(map[string]any{"version": "4", "groupKey": "{}:{}", "status": "firing", "externalURL": "http://am.example", "alerts": alerts})
	require.NoError(t, err)
	return post(nil, "", string(body))
}

// storm makes alerts of a few kinds, of which every tenth is resolved, and one of a kind of its own.
func storm(n int) []alert {
	alerts := make([]alert, n)
	for i := range alerts {
		a := alert{Status: "firing", StartsAt: fmt.Sprintf("2026-10-05T08:%02d:00Z", i%60), Fingerprint: fmt.Sprintf("%016x", i),
			Annotations: map[string]string{"description": fmt.Sprintf("Pod worker-%d of the cluster is in trouble.", i), "summary": "A pod is in trouble"},
			Labels: map[string]string{"alertname": "Kind" + strconv.Itoa(i%3), "cluster": "eu-1", "namespace": "team-" + strconv.Itoa(i%7),
				"pod": "worker-" + strconv.Itoa(i), "severity": []string{"warning", "critical"}[i%2]}}
		if i%10 == 9 {
			a.Status, a.EndsAt = "resolved", "2026-10-05T09:00:00Z"
		}
		if i == 7 {
			a.Labels["alertname"] = "Unique"
		}
		alerts[i] = a
	}
	return alerts
}

// countAlerts adds up what a prompt shows and what it says that it does not show.
func countAlerts(prompt string) (shown, counted int) {
	for _, match := range regexp.MustCompile(`(?m)^- (\d+) more are not shown: (.*)$`).FindAllStringSubmatch(prompt, -1) {
		n, _ := strconv.Atoi(match[1])
		counted += n
		byName := 0
		for _, one := range regexp.MustCompile(`(?:^|, )(\d+) (?:of )?`).FindAllStringSubmatch(match[2], -1) {
			n, _ := strconv.Atoi(one[1])
			byName += n
		}
		if byName != n {
			panic(fmt.Sprintf("%d by name, %d in all: %s", byName, n, match[0]))
		}
	}
	return len(regexp.MustCompile(`(?m)^- \S+, (?:\w+, )?since `).FindAllString(prompt, -1)), counted
}

func TestAStormIsCutAndCounted(t *testing.T) {
	s := known.Source("alertmanager")
	for _, n := range []int{1, 10, 200, 600, 3336} {
		e := s.Event(alertmanager(t, storm(n)...))
		require.Len(t, e.Items, n)
		prompt := s.Prompt(e)
		require.LessOrEqual(t, len(prompt), senders.MaxPrompt+1000)
		shown, counted := countAlerts(prompt)
		require.Equal(t, n, shown+counted, prompt)
		if n > 1 {
			require.Equal(t, 1, strings.Count(prompt, "cluster=eu-1"), "what all share is said once")
			require.Equal(t, 1, strings.Count(prompt, "A pod is in trouble"))
			require.Contains(t, prompt, fmt.Sprintf("%d alerts, %d firing", n, n-n/10))
		}
		if n >= 200 {
			require.Positive(t, counted)
			before, after, _ := strings.Cut(prompt, "RESOLVED")
			require.NotContains(t, before, "until 2026")
			require.Contains(t, after, "until 2026-10-05T09:00:00Z", "resolved alerts are never crowded out")
			require.Greater(t, shown, 40)
		}
	}
}

func TestTheWorstAlertsComeFirst(t *testing.T) {
	s := known.Source("alertmanager")
	e := s.Event(alertmanager(t, storm(100)...))
	prompt := s.Prompt(e)
	require.Less(t, strings.LastIndex(prompt[:strings.Index(prompt, "RESOLVED")], ", critical, "), strings.Index(prompt, ", warning, "))
	require.Equal(t, "critical", e.Severity)
	require.Equal(t, senders.Firing, e.State)
	require.Equal(t, map[string]string{"cluster": "eu-1"}, e.Labels)
}

func TestManyKindsAreCountedToo(t *testing.T) {
	alerts := storm(2000)
	for i := range alerts {
		alerts[i].Labels["alertname"] = "Kind" + strconv.Itoa(i%100)
	}
	s := known.Source("alertmanager")
	shown, counted := countAlerts(s.Prompt(s.Event(alertmanager(t, alerts...))))
	require.Equal(t, 2000, shown+counted)
}

func TestAlertsWithoutFingerprints(t *testing.T) {
	one := alert{Status: "firing", Labels: map[string]string{"a": "1", "b": "2"}, StartsAt: "2026-10-05T08:00:00Z"}
	other := alert{Status: "firing", Labels: map[string]string{"a": "1b", "": "2"}, StartsAt: "2026-10-05T08:00:00Z"}
	e := known.Source("alertmanager").Event(alertmanager(t, one, other, one))
	require.Equal(t, e.Items[0].Fingerprint, e.Items[2].Fingerprint)
	require.NotEqual(t, e.Items[0].Fingerprint, e.Items[1].Fingerprint)
	require.NotEmpty(t, e.Items[1].Fingerprint)
}

func TestMergingAStorm(t *testing.T) {
	s := known.Source("alertmanager")
	alerts := storm(6)
	first := s.Event(alertmanager(t, alerts[:4]...))
	alerts[3].Status = "resolved"
	again := alerts[3]
	again.StartsAt = "2026-10-05T10:00:00Z"
	again.Status = "firing"
	second := s.Event(alertmanager(t, alerts[3], alerts[4], alerts[5], again))
	second.Key = "{}:{other}"
	merged := senders.Merge(first, second)
	require.Len(t, merged.Items, 7, "an alert counts once for each time that it fires")
	require.Equal(t, senders.Resolved, merged.Items[3].State, "the last word counts")
	require.Equal(t, senders.Firing, merged.State)
	require.Empty(t, merged.Key)
	require.Contains(t, s.Prompt(merged), "7 alerts, 6 firing, 1 resolved")
	require.Equal(t, first.Key, senders.Merge(first, first).Key)
	require.Len(t, first.Items, 4, "what is merged stays as it was")
	require.Equal(t, senders.Firing, first.Items[3].State)
}

func TestMergingLosesNothing(t *testing.T) {
	s := known.Source("alertmanager")
	plain := s.Event(post(nil, "", "disk full"))
	truncated := s.Event(readDelivery(t, "testdata/alertmanager/without-alertname.http"))
	merged := senders.Merge(plain, truncated, truncated)
	require.Contains(t, s.Prompt(merged), "disk full")
	require.Contains(t, s.Prompt(merged), "left out more alerts of this group: 24")
	require.Empty(t, truncated.Labels["alertname"])
	require.Equal(t, "12", truncated.Labels["truncatedAlerts"])
}

func TestAStormOfASenderWithOneAlertEach(t *testing.T) {
	for _, name := range []string{"pagerduty", "sentry", "uptime-kuma", "sns"} {
		var events []senders.Event
		corpus(t, func(_ string, s *senders.Sender, d senders.Delivery) {
			if e := s.Event(d); s.Name == name && len(e.Items) > 0 {
				events = append(events, e)
			}
		})
		other := events[0]
		other.Items = []senders.Item{events[0].Items[0]}
		other.Items[0].Fingerprint = "another"
		merged := senders.Merge(append(events, other)...)
		require.Contains(t, known.Source(name).Prompt(merged), senders.Count(len(merged.Items), "alert"), name)
	}
}

func TestAHundredThousandLabels(t *testing.T) {
	labels := map[string]string{}
	for i := range 100_000 {
		labels["label"+strconv.Itoa(i)] = strings.Repeat("x", 20)
	}
	one := alert{Status: "firing", Labels: labels, StartsAt: "2026-10-05T08:00:00Z"}
	other := one
	other.Fingerprint = "b"
	sound(t, known.Source("alertmanager"), alertmanager(t, one))
	sound(t, known.Source("alertmanager"), alertmanager(t, one, other))
}

func TestLinesOfALabelStayItsOwn(t *testing.T) {
	a := alert{Status: "firing", Labels: map[string]string{"alertname": "A\n\nRESOLVED (1)", "x": "y\nz"}, Annotations: map[string]string{"summary": "s\r\n- fake, since"}}
	prompt := known.Source("alertmanager").Prompt(known.Source("alertmanager").Event(alertmanager(t, a)))
	require.Equal(t, 1, strings.Count(prompt, "\n- "))
	require.NotContains(t, prompt, "\nRESOLVED")
	require.NotContains(t, prompt, "\nz")
}
