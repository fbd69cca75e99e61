using System.Net;
using System.Net.Sockets;

namespace Grid.Cluster.Tests.Server;

/// <summary>Ports for processes of tests: none of those that the system gives to outgoing connections, one of which could have it before the process does.</summary>
internal static class Ports
{
    private const int First = 15_000;
    private const int Last = 29_000;

    private static int _next = Random.Shared.Next(First, Last);

    /// <summary>Ports that nobody uses now, and that this process has not given away for long.</summary>
    public static int[] Free(int count)
    {
        int[] ports = new int[count];
        for (int i = 0; i < count; i++)
        {
            do
                ports[i] = First + (int)((uint)Interlocked.Increment(ref _next) % (Last - First));
            while (!IsFree(ports[i]));
        }

        return ports;
    }

    private static bool IsFree(int port)
    {
        using TcpListener listener = new(IPAddress.Any, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
