// Package e2e walks through the product as its users do: the real programs as processes of their own, a browser's
// requests, a real agent. It holds tests only.
package e2e
