using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Grid.Server.Configuration;

/// <summary>Addresses as people write them.</summary>
internal static class Endpoints
{
    /// <summary>HOST:PORT; null if it is not that, or the host is not known.</summary>
    public static IPEndPoint? Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 1 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            return null;
        return Resolve(text[..colon].Trim('[', ']')) is { } address ? new IPEndPoint(address, port) : null;
    }

    /// <summary>An IP address, or that of a host, IPv4 before IPv6; null if it is not known.</summary>
    public static IPAddress? Resolve(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return address;
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            return IPAddress.Loopback;
        if (Uri.CheckHostName(host) != UriHostNameType.Dns)
            return null;
        try
        {
            return Dns.GetHostAddresses(host).OrderBy(found => found.AddressFamily != AddressFamily.InterNetwork).FirstOrDefault();
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
