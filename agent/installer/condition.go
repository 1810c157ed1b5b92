package installer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// conditionToken is one token of a condition: a text, a number, a comparison, a parenthesis, or a name. The prefixes of a
// name stand for the states of components and features, and the environment.
var conditionToken = regexp.MustCompile(`^(?:"[^"]*"|-?[0-9]+\b|~?(?:<>|><|<=|>=|<<|>>|=|<|>)|[()]|[%$?&!]?[A-Za-z_][A-Za-z0-9_.]*)`)

var logicalOperators = []string{"AND", "OR", "XOR", "EQV", "IMP"}

// comparisonCharacters begin a comparison operator.
const comparisonCharacters = "~<>="

// checkCondition parses a condition (Conditional Statement Syntax in Microsoft's reference of Windows Installer). An empty one
// is always true.
func checkCondition(text string) error {
	p := &conditionParser{rest: text}
	p.next()
	if p.token == "" && p.err == nil {
		return nil
	}
	p.expression()
	if p.err == nil && p.token != "" {
		p.fail()
	}
	return p.err
}

type conditionParser struct {
	rest  string
	token string // "" = the end
	err   error  // the first one
}

func (p *conditionParser) next() {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	p.token = conditionToken.FindString(p.rest)
	if p.token == "" && p.rest != "" && p.err == nil {
		p.err = fmt.Errorf("cannot be read from %q on", p.rest)
	}
	p.rest = p.rest[len(p.token):]
}

func (p *conditionParser) fail() {
	switch {
	case p.err != nil:
	case p.token == "":
		p.err = errors.New("ends too early")
	default:
		p.err = fmt.Errorf("has %q in the wrong place", p.token)
	}
}

// expression parses terms with logical operators between them.
func (p *conditionParser) expression() {
	p.term()
	for p.err == nil && slices.Contains(logicalOperators, strings.ToUpper(p.token)) {
		p.next()
		p.term()
	}
}

// term parses NOT and a term, an expression in parentheses, or a value that may be compared with another.
func (p *conditionParser) term() {
	switch {
	case p.err != nil:
	case strings.EqualFold(p.token, "NOT"):
		p.next()
		p.term()
	case p.token == "(":
		p.next()
		p.expression()
		if p.token != ")" {
			p.fail()
		}
		p.next()
	default:
		p.value()
		if p.token != "" && strings.ContainsAny(p.token[:1], comparisonCharacters) {
			p.next()
			p.value()
		}
	}
}

func (p *conditionParser) value() {
	isOperator := slices.Contains(logicalOperators, strings.ToUpper(p.token)) || strings.EqualFold(p.token, "NOT")
	if p.token == "" || isOperator || strings.ContainsAny(p.token[:1], comparisonCharacters+"()") {
		p.fail()
		return
	}
	p.next()
}
