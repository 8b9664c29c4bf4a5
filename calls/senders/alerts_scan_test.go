package senders

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAlertsAreReadAlike holds that both ways to read alerts read the same.
func FuzzAlertsAreReadAlike(f *testing.F) {
	for _, array := range []string{
		`[]`, ` [ { } , {"labels":{}} ] `, `[{"status":"firing","labels":{"a":"1","b":"","a":"2"},"annotations":{"summary":"s","summary":"","x":"y"},"startsAt":"2026-10-05T08:00:00Z"}]`,
		`[{"status":"resolved","labels":{"q":"\u00e9\n\"\\"},"endsAt":"2026-10-05T08:00:00.5Z","n":1,"t":true,"panelURL":"p","fingerprint":"f"},{"fingerprint":"g"}]`,
		`[{"labels":{"a":1}}]`, `[{"values":{"A":1}}]`, `[{"x":{"labels":{"a":"b"}}}]`, `[{"labels":null}]`, `[1,{"labels":{"a":"b"}}]`, `[{"labels":{"a":"b"}`, `[{"labels":{"a":"b"}},]`,
		`[{"a" "b"}]`, `{"labels":{}}`, `[{"labels":{"a":"b"},"labels":{"c":"d"}}]`, "[{\"labels\":{\"a\":\"\x00\xff\"}}]", `["`, `[{"a":"\`,
	} {
		f.Add(array)
	}
	f.Fuzz(func(t *testing.T, array string) {
		var scanned, read []alert
		keep := func(list *[]alert) func(*alert) {
			return func(a *alert) {
				one := *a
				one.annotations = append([][2]string{}, a.annotations...)
				*list = append(*list, one)
			}
		}
		o := Parse([]byte(`{"alerts":` + array + `}`))
		if scanAlerts(o.Raw("alerts"), keep(&scanned)) {
			readAlerts(o, keep(&read))
			require.Equal(t, read, scanned)
		}
	})
}

// A document of Alertmanager is read in one pass; what is only valid JSON is not.
func TestAlertsThatAreScanned(t *testing.T) {
	none := func(*alert) {}
	require.True(t, scanAlerts(`[{"status":"firing","labels":{"a":"\u00e9"},"annotations":{},"startsAt":"2026-10-05T08:00:00Z","generatorURL":"http://p","n":-1.5e3,"b":false}]`, none))
	for _, array := range []string{``, `null`, `[{"labels":[]}]`, `[{"labels":{"a":1}}]`, `[{"values":{}}]`, `[{"x":{}}]`, `[{"labels":{"a":"b"}`, `[{}}`} {
		require.False(t, scanAlerts(array, none), array)
	}
}
