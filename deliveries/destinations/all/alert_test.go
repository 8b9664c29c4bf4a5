package all_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The answer about a firing alert has the alert's name and state in its heading, and no mark that says that all is well.
func TestTheHeadingOfAFiringAlert(t *testing.T) {
	marks := []string{"white_check_mark", "✅", "3046706", `"color":"Good"`} // Discord's green
	for name := range settings {
		if strings.HasSuffix(name, "-status") || name == "http" {
			continue // they say the run's state, or what a template says
		}
		t.Run(name, func(t *testing.T) {
			m := message("run.completed")
			comesFrom(&m, name)
			m.Title, m.Firing = "Disk full on <db-1> @here", true
			q, err := open(t, name).Request(m)
			require.NoError(t, err)
			said := string(q.Body)
			if q.Mail != nil {
				said = q.Mail.Subject
			}
			if strings.HasPrefix(name, "github") || strings.HasPrefix(name, "gitlab") {
				require.Contains(t, said, "triage", "the comment stands where the thing is")
				require.NotContains(t, said, "Firing")
				return
			}
			require.Contains(t, said, "Firing: Disk full on", said)
			for _, mark := range marks {
				require.NotContains(t, said, mark)
			}
			m.Firing = false
			require.NotContains(t, m.Headline(), "Firing")
			m.Kind, m.Error = "run.failed", "No."
			require.Equal(t, "triage failed: Disk full on <db-1> @here", m.Headline())
			m.Kind, m.Error, m.Firing, m.Title = "run.completed", "", true, "2 firing: DiskFull"
			require.Equal(t, "2 firing: DiskFull", m.Headline())
		})
	}
}
