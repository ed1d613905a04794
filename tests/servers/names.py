"""A name server for DKIM keys that can be down, slow or wrong: a thread of this process, by dnspython."""
import socket
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SERVFAIL, SILENT = "SERVFAIL", "SILENT"


def txt(text):
    data = text.encode() if isinstance(text, str) else text
    parts = [data[i:i + 250] for i in range(0, len(data), 250)] or [b""]
    return " ".join('"' + "".join(chr(c) if 0x20 <= c < 0x7f and c not in b'"\\' else f"\\{c:03d}" for c in part) + '"'
        for part in parts)


class Names:
    """keys: {"s1._domainkey.example.com": text, a list of texts, SERVFAIL or SILENT}; other names do not exist.

    mode: None, or SERVFAIL or SILENT for every key. "localhost" is always there, so that servers are found.
    """

    def __init__(self, keys=None):
        self.keys, self.mode, self.asked = dict(keys or {}), None, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self):
        return f"127.0.0.1@{self._socket.getsockname()[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(10)
        self._socket.close()

    def _serve(self):
        while True:
            packet, peer = self._socket.recvfrom(4096)
            if not packet:
                return
            try:
                answer = self._answer(dns.message.from_wire(packet))
            except dns.exception.DNSException:
                continue
            if answer is not None:
                self._socket.sendto(answer.to_wire(), peer)

    def _answer(self, query):
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        answer = dns.message.make_response(query, recursion_available=True)
        if question.rdtype != dns.rdatatype.TXT:
            if name == "localhost" and question.rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(question.name, 60, dns.rdataclass.IN, dns.rdatatype.A, "127.0.0.1"))
            return answer
        self.asked.append(name)
        found = self.mode or self.keys.get(name)
        if found == SILENT:
            return None
        if found == SERVFAIL:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            texts = found if isinstance(found, list) else [found]
            answer.answer.append(dns.rrset.from_text(question.name, 60, dns.rdataclass.IN, dns.rdatatype.TXT,
                *map(txt, texts)))
        return answer
