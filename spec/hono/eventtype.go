package hono

import "hibachi/links/amqp"

// EventType is one of the well-known types of events, told by the property content-type.
type EventType uint8

const (
	Plain             EventType = iota // what a device reported, of any content type or none
	EmptyNotification                  // a device is there, for the time of the application property ttd
	ConnectionEvent                    // a device's connection began or ended
	ProvisioningEvent                  // a device was provisioned
)

// Content types of the well-known events.
const (
	ContentTypeEmpty        = "application/vnd.eclipse-hono-empty-notification"
	ContentTypeConnection   = "application/vnd.eclipse-hono-dc-notification+json"
	ContentTypeProvisioning = "application/vnd.eclipse-hono-device-provisioning-notification" // what Hono's components send

	// contentTypeProvisioningPage is how revisions of the page spell it.
	contentTypeProvisioningPage = "application/vnd.eclipse-device-provisioning-notification"
)

func (t EventType) String() string {
	switch t {
	case EmptyNotification:
		return "empty notification"
	case ConnectionEvent:
		return "connection event"
	case ProvisioningEvent:
		return "device provisioning notification"
	}
	return "plain"
}

// Classify tells the type from the property content-type, nil if it is absent. Media types are compared octet for octet, as Hono does.
func Classify(contentType amqp.Raw) EventType {
	b, _ := contentType.Bytes()
	switch string(b) {
	case ContentTypeEmpty:
		return EmptyNotification
	case ContentTypeConnection:
		return ConnectionEvent
	case ContentTypeProvisioning, contentTypeProvisioningPage:
		return ProvisioningEvent
	}
	return Plain
}
