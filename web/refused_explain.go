package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// refusal says what a code means, and what to do about it.
type refusal struct {
	means  string
	advice []string
}

// refusalsByCode explains the codes of refused calls.
var refusalsByCode = map[string]refusal{
	problem.CodeUnauthorized: {
		"The call did not authenticate as this client. A missing token, a wrong token and an unknown client get the same answer, " +
			"so that clients cannot find out which clients exist.", nil,
	},
	problem.CodeClientDisabled: {
		"The token was right, but the client is disabled.", []string{"Enable the client on its page to accept its calls again."},
	},
	problem.CodeAgentNotAllowed: {
		"The call asked for an agent or flow that this client may not use.",
		[]string{"Add it to the client's allowed agents, or leave agent out of the call, so that the default answers."},
	},
	problem.CodePromptNotAllowed: {
		"The prompt of this client comes from its command or its template, but the call brought its own.",
		[]string{"Leave input, prompt and members of your own out of the call, or call the client's webhook instead of /api/v1/runs."},
	},
	problem.CodeFormNotFound: {
		"No client has the form address that was called. The key in it may have been replaced, or cut off when it was copied.",
		[]string{"Compare the address in your page with the one on the client's page."},
	},
	problem.CodeOriginNotAllowed: {
		"The form was sent from a page whose origin is not in the client's list.",
		[]string{
			"If the page is yours, add its origin to the client's settings, such as https://acme.example. " +
				"Include www if the address has it.",
			"Pages opened from disk, and pages with Referrer-Policy: no-referrer, send the origin null. Add null to accept their forms.",
		},
	},
	problem.CodeInvalidFields: {
		"Fields of the form were missing or wrong. The visitor was told which.",
		[]string{"If it happens often, set the same limits on the inputs of your page: required, type and maxlength."},
	},
	problem.CodeChallengeFailed: {
		"The form had no solution of its challenge, or one that was wrong, expired or already used.",
		[]string{"Usually a bot sent it. If real visitors are affected, check that your page loads the challenge's script, " +
			"and that the site key and the secret belong together."},
	},
	problem.CodeChallengeUnavailable: {
		"The solution of a form's challenge could not be verified: its vendor did not answer.",
		[]string{"The log says why. To do without a vendor, use challenge: altcha."},
	},
	problem.CodeEmptyPrompt: {
		"The call had no prompt, and neither the client nor the agent has a default prompt.",
		[]string{
			"Check that the client sends a body. An empty variable or a missing file often leaves it empty.",
			"Send the text as the body, or as prompt in a JSON object or a form.", "Or set a default prompt on the client or its agent.",
		},
	},
	problem.CodeInvalidPrompt: {
		"The member prompt of the JSON body is not a string.",
		[]string{"Send a string: {\"prompt\": \"…\"}. To make the whole object the prompt, leave out the member prompt."},
	},
	problem.CodeInvalidJSON: {
		"The Content-Type says JSON, but the body is not valid JSON.",
		[]string{
			"Check for unescaped quotes and line breaks that a shell or a template put into the body. " +
				"jq -n --arg prompt \"$TEXT\" '{prompt: $prompt}' escapes them.", "For plain text, send Content-Type: text/plain.",
		},
	},
	problem.CodeInvalidForm: {
		"The body is not a form of the type that its Content-Type names.",
		[]string{"Let the client's HTTP library set the Content-Type of multipart forms: its boundary must match the body."},
	},
	problem.CodeInvalidText: {
		"The body is not text.", []string{"Send UTF-8 text. Images, archives and other binary files are not accepted here."},
	},
	problem.CodeInvalidUTF8: {
		"The body is not UTF-8.", []string{"Convert it before it is sent, for example with iconv -t utf-8."},
	},
	problem.CodeInvalidParameter: {
		"A parameter of the call has an invalid value.", []string{"The reason above names it. Fix it in the client."},
	},
	problem.CodeInvalidWebhook: {
		"The webhook in the call cannot be used.",
		[]string{"The reason above says why. Its URL must be public, and its event names must exist."},
	},
	problem.CodeInvalidIdempotencyKey: {
		"The Idempotency-Key header is invalid.", []string{"Send one string of up to 255 printable characters, such as a UUID."},
	},
	problem.CodeInvalidCursor: {
		"The call asked for a page of a list that does not exist.",
		[]string{"Start without a cursor, and keep the other parameters the same on every page."},
	},
	problem.CodeBodyCutOff: {
		"The connection ended before the whole body had arrived.",
		[]string{"Check the timeouts of the client and of the proxies in between."},
	},
	problem.CodeBodyUnreadable: {
		"The body could not be read from the connection.", []string{"Check the timeouts of the client and of the proxies in between."},
	},
	problem.CodeBodyTimeout: {
		"The client did not finish sending the body in time.",
		[]string{"Check whether the client waits for something before it sends the rest, and how fast its connection is."},
	},
	problem.CodeBodyTooLarge: {
		"The body is larger than this client's limit.",
		[]string{"Raise the maximum request size on the client's page, or send less, such as only the end of a log."},
	},
	problem.CodeUnsupportedMediaType: {
		"This Content-Type is not supported.",
		[]string{"Send application/json, text/plain or a form. curl -d sends the type of a form: add -H 'Content-Type: " +
			"text/plain' or application/json."},
	},
	problem.CodeInvalidEncoding: {
		"The body does not match its Content-Encoding, or is cut off.",
		[]string{"Compare the header with what the client sends: gzip -t and zstd -t test a file."},
	},
	problem.CodeResultNotReady: {
		"The run continues, but the client's waiting time was over.",
		[]string{"Let the client wait longer (Prefer: wait=900), raise the client's timeout for calls, or leave require-result out: " +
			"the client then gets a 202 and reads the run later."},
	},
	problem.CodeUnsupportedEncoding: {
		"Beckon does not support the encoding of the body.", []string{"Compress requests with gzip, deflate, br or zstd, or not at all."},
	},
	problem.CodeTemplateFailed: {
		"The client's template could not be rendered with this request.",
		[]string{
			"The reason above says where. Usually the request lacks a member: give it a default, as in {{ .body.name | default \"…\" }}.",
			"Test it in the Try tab of the client with a body like the client's.",
		},
	},
	problem.CodeFilterFailed: {
		"The client's filter could not be evaluated for this call.",
		[]string{
			"The reason above says why. Usually the call lacks a member: check for it first, " +
				"as in has(body.action) && body.action == \"opened\".",
			"Test it in the Try tab of the client with a body like the client's.",
		},
	},
	problem.CodeSkippedByFilter: {
		"Nothing is wrong. The client's filter skips such calls, so no run was started. The client got a 200.",
		[]string{"If you want these calls to start runs, change the filter on the client's page."},
	},
	problem.CodeSkippedEmpty: {
		"Nothing is wrong. The client's template renders to nothing for such calls, so no run was started. The client got a 200.",
		[]string{"If you want these calls to start runs, change the template on the client's page."},
	},
	problem.CodeSkippedResolved: {
		"Nothing is wrong. The call says that an alert is resolved which Beckon has not seen, or which was already resolved. " +
			"No run was started, and the client got a 200.",
		[]string{"If you want a run for resolved alerts, set coalesce.onResolved of the client to run."},
	},
	problem.CodeRateLimitExceeded: {
		"The client has reached its rate limit.",
		[]string{
			"Raise the rate limit on the client's page, or let the client wait as long as Retry-After says.",
			"If there are more calls than you expect, check for a client that retries in a loop.",
		},
	},
	problem.CodeTooManyConcurrentCalls: {
		"The client has reached its limit of concurrent calls.",
		[]string{"Raise the limit on the client's page, or let the client send Prefer: respond-async: such calls wait in the queue."},
	},
	problem.CodeIdempotencyInFlight: {
		"The first call with this Idempotency-Key is still running. This one started no second run.",
		[]string{"This is normal if the client retries slow calls. A later retry gets the answer."},
	},
	problem.CodeIdempotencyKeyReused: {
		"This Idempotency-Key was already used for a different request.",
		[]string{"Let the client create a new key for each request. A build number or a date alone is often not unique."},
	},
	problem.CodeRouteNotFound: {
		"There is nothing at this address.",
		[]string{"Compare it with the URL on the client's page: POST /api/v1/webhooks/CLIENT, without a trailing slash."},
	},
	problem.CodeRunNotFound: {
		"The run does not exist, or belongs to another client.",
		[]string{"Only the token of the client that started a run can read it. Runs are deleted after retention.runs."},
	},
	problem.CodeMethodNotAllowed: {
		"The address does not accept this method.",
		[]string{"Webhooks accept POST. A redirect from http to https, or a missing slash in a proxy's configuration, " +
			"often turns a POST into a GET."},
	},
	problem.CodeClientUnusable: {
		"The token is right, but the client is not active: its configuration has an error, or an agent that it may use has.",
		[]string{"The client's page names the error. A new token does not help."},
	},
	problem.CodeAgentUnavailable: {
		"The agent cannot be used because its configuration has an error.", []string{"The agent's page and the log name the error."},
	},
	problem.CodeCommandUnavailable: {
		"The client's command cannot be used because its configuration has an error.",
		[]string{"The command's page and the log name the error."},
	},
	problem.CodeGatewayFull: {
		"The gateway had reached its limit of concurrent calls.",
		[]string{"Clients that honor Retry-After retry by themselves. If it happens often, raise server.maxConcurrent, " +
			"or find out why answers take long."},
	},
	problem.CodeBudgetExhausted: {
		"A budget of the client, its agent or the server is used up.",
		[]string{"Clients that honor Retry-After retry when the budget resets. To allow more calls, raise the budget."},
	},
	problem.CodeNotAnAPIGateway: {
		"The gateway does not take calls: server.roles gives it other work.",
		[]string{"Send calls to a gateway with the role api. Behind a load balancer, list only those."},
	},
	problem.CodeMemoryFull: {
		"The calls in progress used all the memory that calls may use.",
		[]string{"Clients that honor Retry-After retry by themselves. If it happens often, raise server.maxMemory, " +
			"or let clients send less, such as only the end of a log."},
	},
	problem.CodeQueueFull: {
		"The queue was full.", []string{"The overview shows whether runs take longer than usual. server.maxQueued is the limit."},
	},
	problem.CodeShuttingDown: {"The gateway was shutting down.", []string{"Clients that honor Retry-After retry by themselves."}},
	problem.CodeTooManyStreams: {
		"The client reached its limit of open event streams.",
		[]string{"Check for a client that does not close its streams. To read a run without a stream, use GET /api/v1/runs/ID."},
	},
	problem.CodeRunEnded: {
		"The client tried to cancel a run that had already ended.",
		[]string{"This is normal if the run ended at that moment. Otherwise let the client check the status of the run first."},
	},
	problem.CodeApprovalNotFound: {
		"Someone tried to decide on a tool call that does not exist, or that needs no approval.",
		[]string{"Open the link exactly as it was sent. Each link is for one tool call of one run."},
	},
	problem.CodeAlreadyDecided: {
		"Someone tried to decide on a tool call that was already decided.",
		[]string{"Nothing is wrong. The first decision counts, and the page of the run shows it."},
	},
	problem.CodeApprovalExpired: {
		"Someone tried to decide on a tool call after its approval timeout.",
		[]string{"The tool call was denied, and the model was told. If people need more time, raise the agent's approval timeout."},
	},
	problem.CodeNotApprover: {
		"A client tried to approve a tool call of its own run.",
		[]string{"Decide in the console, with the admin token, or with the link in the event run.waiting."},
	},
	problem.CodeSessionNotFound: {
		"The client has no conversation with this ID, or it has expired.",
		[]string{"Only the token of its client can read a conversation. It is kept for the ttl in the agent's session settings."},
	},
	problem.CodeSessionNotKept: {
		"The client stores no content, but the agent needs to store the conversation.",
		[]string{"Leave sessionId out, call an agent without session, or remove storeContent: false from the client."},
	},
	problem.CodeRunGoesOn: {
		"Someone tried to erase the content of a run that was still in progress.", []string{"Cancel the run, or wait until it has ended."},
	},
	problem.CodeContentErased: {
		"The call repeats an Idempotency-Key whose answer is no longer stored.",
		[]string{"The client has storeContent: false, or an administrator erased the run. To ask again, use a new key."},
	},
	problem.CodeInvalidEventID: {
		"The Last-Event-ID of the call is not an event of this run.",
		[]string{"Send the ID of the last event that you received of this run, or leave the header out to get all events."},
	},
	problem.CodeSecretsUnavailable: {
		"The call needs encryption, and the gateway has no key: its webhook has headers, or its client uses redact or storeContent: false.",
		[]string{"Set server.secretsKey. Without it, calls cannot use webhook.headers, " +
			"and clients cannot use redact or storeContent: false."},
	},
	problem.CodeStorageUnavailable: {
		"The database could not store the call: it was full, locked or unreachable.", []string{"Check the free disk space, and the log."},
	},
}

// refusalsByStatus are for codes without an entry of their own.
var refusalsByStatus = map[int]refusal{
	http.StatusBadRequest: {"The request has a mistake that the client can fix.", []string{"The reason above names it."}},
	http.StatusForbidden: {
		"The client is authenticated, but not allowed to do this.", []string{"The reason above says what is missing."},
	},
	http.StatusConflict:            {"The call conflicts with something that already exists.", []string{"The reason above says what."}},
	http.StatusUnprocessableEntity: {"The request is well-formed but cannot be carried out.", []string{"The reason above says why."}},
	http.StatusTooManyRequests: {
		"The client has reached a limit.",
		[]string{"Let the client wait as long as Retry-After says, or raise the limit on the client's page."},
	},
	http.StatusServiceUnavailable: {
		"The gateway could not accept the call at that moment.",
		[]string{"Clients that honor Retry-After retry by themselves. The log has details."},
	},
}

// refusedCodes are those to choose from, in order.
func refusedCodes() []string { return slices.Sorted(maps.Keys(refusalsByCode)) }

// explainRefusal says what the refusal of a call means and what to do. client is the one that the call names, as it is
// now, or nil.
func explainRefusal(call store.RefusedCall, client *clients.Client) (means string, advice []string) {
	r, ok := refusalsByCode[call.Code]
	if !ok {
		r, ok = refusalsByStatus[call.Status]
	}
	if !ok {
		r = refusal{"The call was refused before a run started.", []string{"The reason above says why."}}
	}
	if call.Status == http.StatusUnauthorized {
		_, what := explainUnauthorized(call, client != nil)
		return r.means, []string{what}
	}
	return r.means, slices.Clone(r.advice)
}

// explainUnauthorized says why a call was not authenticated, in a few words, and what to do about it. Clients are not told.
// known says that the client that the call names exists.
func explainUnauthorized(call store.RefusedCall, known bool) (why, advice string) {
	const right = "Authorization: Bearer mgc_…"
	header := call.Headers["Authorization"]
	scheme, masked, _ := strings.Cut(header, " ")
	switch {
	case call.ClientID != "" && !known: // then no token is right
		return "No such client", fmt.Sprintf("No client has the ID %q. Compare the URL that the client uses with the URLs of your clients.",
			call.ClientID)
	case strings.Contains(call.Reason, "signature"):
		return "Wrong signature", call.Reason + " Compare the client's signing secret with the sender's, and the clocks of both machines."
	case strings.Contains(call.Reason, "this client takes ") && !strings.HasSuffix(call.Reason, "this client takes bearer."):
		return "Authentication not accepted", call.Reason +
			" Let the sender use one of these methods, or add its method to the client's authentication."
	case senders.IsWrongToken(call.Reason) && (scheme != "Bearer" || masked != ""):
		return "Wrong token", wrongToken
	case header == "":
		return "No token", "The call had no Authorization header. Send " + right + " and check whether a redirect or a proxy removed it."
	case strings.Contains(header, ", "):
		return "Not a Bearer token", "The call had more than one Authorization header. Send one: " + right + "."
	case header == secret.Mask:
		return "Not a Bearer token", "The Authorization header has no known scheme. Put the word Bearer in front of the token, as in " +
			right + "."
	case scheme != "Bearer":
		return "Not a Bearer token", fmt.Sprintf("The call authenticates with %s. Send %s instead.", scheme, right)
	case masked == "":
		return "Empty token", "The token is empty: the variable that the client takes it from is probably not set."
	case call.ClientID == "":
		return "Wrong token", "The token belongs to no client. It may have been replaced. Create a new one on the client's page."
	}
	return "Wrong token", wrongToken
}

const wrongToken = "The token does not belong to this client. It may have been replaced, or be that of another client. " +
	"If you cannot find the right one, create a new token on the client's page."
