package load

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// well is what bombardier 1.2.6 printed for a short run.
const well = `{"spec":{"numberOfConnections":2,"testType":"timed","testDurationSeconds":1,"method":"POST","url":"http://127.0.0.1:1/","headers":[{"key":"Content-Type","value":"application/json"}],"body":"{}","stream":false,"timeoutSeconds":60,"client":"fasthttp"},` +
	`"result":{"bytesRead":7680,"bytesWritten":4650,"timeTakenSeconds":0.5,"req1xx":0,"req2xx":30,"req3xx":0,"req4xx":0,"req5xx":0,"others":0,` +
	`"latency":{"mean":412.5,"stddev":101.2,"max":1800,"percentiles":{"50":405,"75":420,"90":500,"95":640,"99":1300}},` +
	`"rps":{"mean":60.1,"stddev":3.2,"max":70,"percentiles":{"50":60.000000,"75":61.000000,"90":62.000000,"95":63.000000,"99":64.000000}}}}`

func TestParse(t *testing.T) {
	r, err := parse([]byte(well), false)
	require.NoError(t, err)
	require.Equal(t, Result{Requests: 30, Took: 500 * time.Millisecond, P50: 405 * time.Microsecond, P99: 1300 * time.Microsecond}, r)
	require.InDelta(t, 60, r.Rate(), 1e-9)
}

func TestParseRefusesWhatIsNoMeasurement(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"a 404":            {`"req4xx":0`, `"req4xx":3`, "3 of 33 answers were not 2xx (2xx 0, 3xx 0, 4xx 3, 5xx 0, other 0)"},
		"a redirect":       {`"req3xx":0`, `"req3xx":1`, "1 of 31 answers were not 2xx (2xx 0, 3xx 1, 4xx 0, 5xx 0, other 0)"},
		"a reset":          {`"others":0,`, `"others":2,"errors":[{"description":"connection reset","count":2}],`, "2 of 32 requests got no answer: connection reset"},
		"nothing":          {`"req2xx":30`, `"req2xx":0`, "measured nothing"},
		"no time":          {`"timeTakenSeconds":0.5`, `"timeTakenSeconds":0`, "measured nothing"},
		"no percentiles":   {`"99":1300`, `"98":1300`, "measured nothing"},
		"something else":   {`{"spec"`, `usage: {"spec"`, "read what the load generator printed"},
		"half an answer":   {`}}}}`, ``, "read what the load generator printed"},
		"informational":    {`"req1xx":0`, `"req1xx":4`, "4 of 34 answers were not 2xx (2xx 0, 3xx 0, 4xx 0, 5xx 0, other 4)"},
		"a server's fault": {`"req5xx":0`, `"req5xx":9`, "9 of 39 answers were not 2xx (2xx 0, 3xx 0, 4xx 0, 5xx 9, other 0)"},
	} {
		t.Run(name, func(t *testing.T) {
			out := strings.Replace(well, test.old, test.new, 1)
			require.NotEqual(t, well, out)
			_, err := parse([]byte(out), false)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestParseOfRefusals(t *testing.T) {
	refused := strings.Replace(strings.Replace(well, `"req4xx":0`, `"req4xx":30`, 1), `"req2xx":30`, `"req2xx":0`, 1)
	r, err := parse([]byte(refused), true)
	require.NoError(t, err)
	require.Equal(t, 30, r.Requests)
	_, err = parse([]byte(strings.Replace(refused, `"req2xx":0`, `"req2xx":2`, 1)), true)
	require.ErrorContains(t, err, "2 of 32 answers were not 4xx (2xx 2, 3xx 0, 4xx 0, 5xx 0, other 0)")
}
