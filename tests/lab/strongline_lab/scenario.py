"""sipp scenarios, written step by step: what a carrier sends, and what must be in that which comes back.

    call = Caller("hold").invite().expect(180, optional=True).expect(200).ack().bye()
    call.write(folder)  # an XML file for sipp's -sf

Each message of a call has its own branch and the next CSeq. A check that fails, or a message that was not expected, fails
the scenario.
"""

from xml.sax.saxutils import quoteattr

SDP = """v=0
o=carrier 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio {port} RTP/AVP {formats}
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a={direction}
"""


def sdp(version=1, direction="sendrecv", port="[auto_media_port]", formats="0 8 101"):
    return SDP.format(version=version, direction=direction, port=port, formats=formats)


class Has:
    """A header (or "body") in which the expression is found; `absent=True`: in which it is not."""

    def __init__(self, where, expression, *, absent=False, save=None):
        self.where, self.expression, self.absent, self.save = where, expression, absent, save


class Scenario:
    """The steps of one call, and the XML that they make."""

    def __init__(self, name):
        self.name = name
        self._steps = []
        self._variables = []
        # The transaction that the next response is to belong to: sipp takes any 200 for the one awaited unless it is told.
        self._awaited = None

    def write(self, folder):
        path = folder / f"{self.name}.xml"
        reference = f'  <Reference variables="{",".join(self._variables)}"/>\n' if self._variables else ""
        steps = "".join(f"  {step}\n" for step in self._steps)
        path.write_text(f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name={quoteattr(self.name)}>\n{steps}{reference}</scenario>\n')
        return path

    def pause(self, ms):
        return self._step(f'<pause milliseconds="{ms}"/>')

    def expect(self, what, *checks, optional=False, **attributes):
        """A response by its number, a request by its method. The dialog's target and routes are learnt from it."""
        kind = "response" if isinstance(what, int) else "request"
        if kind == "response" and self._awaited:
            attributes["response_txn"] = self._awaited
        words = [f'{kind}="{what}"'] + [f'{name}="{value}"' for name, value in attributes.items()]
        if optional:
            words.append('optional="true"')
        elif kind == "request" or what // 100 < 3:
            words.append('rrs="true"')
        actions = "".join(self._action(check) for check in checks)
        inner = f"><action>{actions}</action></recv>" if actions else "/>"
        return self._step(f"<recv {' '.join(words)}{inner}")

    def tone(self):
        return self._step('<nop><action><exec rtp_stream="tone.ul,1,0"/></action></nop>')

    def keys(self):
        """The digits that sipp was given, as telephone events."""
        return self._step('<nop><action><exec play_pcap_audio="digits.pcap"/></action></nop>')

    def _action(self, check):
        variable = check.save or f"v{len(self._variables) + 1}"
        self._variables.append(variable)
        search = f'search_in="hdr" header="{check.where}:"' if check.where not in ("body", "msg") else f'search_in="{check.where}"'
        wanted = 'check_it_inverse="true"' if check.absent else 'check_it="true"'
        return f"<ereg regexp={quoteattr(check.expression)} {search} {wanted} assign_to={quoteattr(variable)}/>"

    def _step(self, text):
        self._steps.append(text)
        return self

    def _send(self, lines, body="", retransmit=True, transaction=""):
        text = "\n".join(line for line in lines if line)
        attribute = (' retrans="500"' if retransmit else "") + (f" {transaction}" if transaction else "")
        length = "Content-Length: [len]" if body else "Content-Length: 0"
        return self._step(f"<send{attribute}><![CDATA[\n{text}\n{length}\n\n{body}\n]]></send>")


def _content(body, kind):
    return f"Content-Type: {kind or 'application/sdp'}" if body or kind else ""


class Caller(Scenario):
    """The side that sends the INVITE. With `strict` responses are matched by transaction, as on a wire that doubles them they
    have to be."""

    def __init__(self, name, *, strict=False, from_="+15550100", uri="sip:[service]@[remote_ip]:[remote_port]", contact="[local_ip]:[local_port]"):
        super().__init__(name)
        self._from, self._uri, self._contact = from_, uri, contact
        self.cseq = 0
        self._strict = strict
        self._invite = (0, 0, False)

    def invite(self, *headers, body=None, kind=None, again=False, uri=None):
        """The first INVITE, or one more in the dialog (`again`). `body=""` has none."""
        self.cseq += 1
        self._invite = (self.cseq, len(self._steps), again)
        body = sdp(self.cseq) if body is None else body
        return self._request("INVITE", headers, body, kind, inside=again, cseq=self.cseq, uri=uri)

    def ack(self, body="", refused=False):
        """For a 2xx, or for a refusal: that has the branch of its INVITE (RFC 3261 17.1.1.3)."""
        cseq, at, again = self._invite
        branch = f"[branch-{len(self._steps) - at}]" if refused else "[branch]"
        return self._request("ACK", (), body, None, inside=again or not refused, cseq=cseq, branch=branch, retransmit=False, tag=True)

    def cancel(self, *headers):
        cseq, at, _ = self._invite
        return self._request("CANCEL", headers, "", None, inside=False, cseq=cseq, branch=f"[branch-{len(self._steps) - at}]")

    def prack(self, variable="rseq", status=200):
        cseq, _, _ = self._invite
        self.request("PRACK", f"RAck: [${variable}] {cseq} INVITE").expect(status)
        self._awaited = f"t{cseq}" if self._strict else None
        return self

    def change(self, direction, answer, turns=4):
        """A re-INVITE that is answered so. While the ACK before it is lost it is refused with 491, and comes again (RFC 3261 14.1)."""
        done = self.cseq + 100
        for turn in range(turns):
            self.invite(body=sdp(self.cseq + 1, direction), again=True).expect(100, optional=True)
            if turn + 1 < turns:
                self.expect(491, optional=True, next=self.cseq)
            self.expect(200, Has("body", f"a={answer}")).ack()
            if turn + 1 < turns:
                self._steps[-1] = self._steps[-1].replace("<send", f'<send next="{done}"', 1)
                self._step(f'<label id="{self.cseq}"/>').ack(refused=True).pause(1100)
        return self._step(f'<label id="{done}"/>')

    def request(self, method, *headers, body="", kind=None, inside=True):
        self.cseq += 1
        return self._request(method, headers, body, kind, inside=inside, cseq=self.cseq)

    def bye(self, status=200):
        return self.request("BYE").expect(status, crlf="true")

    def answer_bye(self, *checks):
        self.expect("BYE", *checks)
        return self._send(["SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"], retransmit=False)

    def _request(self, method, headers, body, kind, *, inside, cseq, branch="[branch]", retransmit=True, tag=None, uri=None):
        uri = uri or ("[next_url]" if inside else self._uri)
        to = "[peer_tag_param]" if (inside if tag is None else tag) else ""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch={branch}",
            "[routes]" if inside else "",
            f"From: <sip:{self._from}@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]",
            f"To: <sip:[service]@[remote_ip]:[remote_port]>{to}",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self._from}@{self._contact};transport=[transport]>",
            "" if any(header.startswith("Max-Forwards:") for header in headers) else "Max-Forwards: 70",
            "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE" if method == "INVITE" else "",
            *headers,
            _content(body, kind),
        ]
        if not self._strict:
            return self._send(lines, body, retransmit)
        if method == "ACK":
            return self._send(lines, body, retransmit, f'ack_txn="t{cseq}"')
        self._awaited = f"t{cseq}"
        return self._send(lines, body, retransmit, f'start_txn="t{cseq}"')


def answered(scenario, *checks):
    """What follows an INVITE that is answered at last."""
    return scenario.expect(100, optional=True).expect(180, optional=True).expect(200, *checks)


class Callee(Scenario):
    """The side that is called. What it sends of its own goes by the dialog that the INVITE began."""

    def __init__(self, name, *, contact="[local_ip]:[local_port]"):
        super().__init__(name)
        self._contact = contact
        self.cseq = 0

    def invited(self, *checks):
        """Takes an INVITE and keeps what its answers need."""
        kept = [Has(name, ".*", save=save) for name, save in
                (("Via", "ivia"), ("From", "ifrom"), ("To", "ito"), ("CSeq", "icseq"))]
        if "ivia" in self._variables:
            self._variables = [name for name in self._variables if name not in ("ivia", "ifrom", "ito", "icseq")]
        return self.expect("INVITE", *kept, *checks, crlf="true")

    def answer(self, status, reason, *headers, body="", fork="a", retransmit=None):
        """Answers the INVITE, as the branch `fork` of it."""
        lines = [f"SIP/2.0 {status} {reason}", "Via: [$ivia]", "From: [$ifrom]", f"To: [$ito];tag=[pid]uas{fork}[call_number]",
                 "Call-ID: [call_id]", "CSeq: [$icseq]", f"Contact: <sip:{fork}@{self._contact};transport=[transport]>", *headers,
                 _content(body, None)]
        return self._send(lines, body, status >= 200 if retransmit is None else retransmit)

    def redirect(self, number):
        """302 to another number of the same host."""
        lines = ["SIP/2.0 302 Moved Temporarily", "Via: [$ivia]", "From: [$ifrom]", "To: [$ito];tag=[pid]uas[call_number]",
                 "Call-ID: [call_id]", "CSeq: [$icseq]", f"Contact: <sip:{number}@[local_ip]:[local_port]>"]
        return self._send(lines)

    def ok(self, status="200 OK", *headers, body=""):
        """Answers the request that came last."""
        lines = [f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]", *headers,
                 _content(body, None)]
        return self._send(lines, body, retransmit=False)

    def request(self, method, *headers, body="", kind=None, fork="a"):
        """A request of ours, within the dialog."""
        self.cseq += 1
        lines = [f"{method} [next_url] SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]",
                 f"From: [$ito];tag=[pid]uas{fork}[call_number]", "To: [$ifrom]", "Call-ID: [call_id]", f"CSeq: {self.cseq} {method}",
                 f"Contact: <sip:{fork}@{self._contact};transport=[transport]>", "Max-Forwards: 70", *headers, _content(body, kind)]
        return self._send(lines, body)

    def hung_up(self, *checks):
        return self.expect("BYE", *checks).ok()
