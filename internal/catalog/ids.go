package catalog

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"beckon/internal/problem"
)

const maxID = 63

var slug = regexp.MustCompile(fmt.Sprintf(`^[a-z0-9][a-z0-9-]{0,%d}$`, maxID-1))

// ValidID reports whether id can name a resource: lower-case letters, digits and hyphens, 63 at most.
func ValidID(id string) bool { return slug.MatchString(id) }

// CheckID finds out whether an id can name a resource.
func CheckID(id string) (found problem.Fields) {
	switch {
	case id == "":
		found.Add("id", "is required")
	case !ValidID(id):
		found.Add("id", "must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen")
	}
	return found
}

// latin has the Latin letters that Unicode does not decompose into a letter of ASCII and marks.
var latin = map[rune]string{
	'ß': "ss",
	'æ': "ae",
	'œ': "oe",
	'ø': "o",
	'đ': "d",
	'ð': "d",
	'ħ': "h",
	'ı': "i",
	'ł': "l",
	'ŋ': "n",
	'þ': "th",
	'ŧ': "t",
}

// idFrom makes an id of a name: its letters and digits in lower case and ASCII, with a hyphen for what stands between
// them. It is empty for a name without any that it knows.
func idFrom(name string) string {
	var id strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		text := latin[r]
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			text = string(r)
		}
		switch {
		case text != "":
			if gap && id.Len() > 0 {
				id.WriteByte('-')
			}
			id.WriteString(text)
			gap = false
		case !unicode.Is(unicode.Mn, r) && r != '\'' && r != '’': // accents and apostrophes divide no word
			gap = true
		}
	}
	return shortened(id.String(), maxID)
}

func shortened(id string, most int) string {
	return strings.TrimRight(id[:min(len(id), most)], "-")
}

// freeID returns an id for a new resource of a noun that nothing of its group has: the wanted one, with a number behind
// it where that is taken.
func (v *View) freeID(n *noun, wanted string) string {
	id := wanted
	for i := 2; v.isTaken(n.Group, id); i++ {
		number := "-" + strconv.Itoa(i)
		id = shortened(wanted, maxID-len(number)) + number
	}
	return id
}

func (v *View) isTaken(group, id string) bool {
	for _, n := range v.registry.group(group) {
		if v.entries[key{n.Section, id}] != nil {
			return true
		}
	}
	return false
}

// nameOf returns the name of a resource, which is its field Name; empty for one that has none.
func nameOf(item Resource) string {
	if name := reflect.ValueOf(item).FieldByName("Name"); name.IsValid() && name.Kind() == reflect.String {
		return name.String()
	}
	return ""
}

// withID returns a resource with an id, which is its field ID. A name that is the same is left out, as it is the
// default.
func withID(item Resource, id string) Resource {
	into := reflect.New(reflect.TypeOf(item)).Elem()
	into.Set(reflect.ValueOf(item))
	into.FieldByName("ID").SetString(id)
	if name := into.FieldByName("Name"); name.IsValid() {
		name.SetString(OmitDefault(name.String(), id))
	}
	return into.Interface().(Resource)
}

// missingID says why a resource without an id cannot get one from its name.
func missingID(name string) (found problem.Fields) {
	if strings.TrimSpace(name) == "" {
		found.Add("id", "is required, unless there is a name to make it from")
	} else {
		found.Add("id",
			"cannot be made from the name %q, which has no Latin letter and no digit: "+
				"give an id of lower-case letters, digits and hyphens", problem.Shorten(name))
	}
	return found
}
