using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>A redis-server of the test's own, and the little of its protocol that the test speaks.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int ReplyTimeMs = 20_000;

    private readonly ChildProcess _process;
    private readonly int _port;
    private TcpClient? _client;
    private BufferedStream? _stream;

    private RedisServer(ChildProcess process, int port, string directory)
    {
        _process = process;
        _port = port;
        Directory = directory;
    }

    public int Port => _port;

    public string Directory { get; }

    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(path => File.Exists(Path.Combine(path, "redis-server")));

    /// <summary>Starts one on <paramref name="directory"/>, whose dump.rdb it loads, and waits until it has.</summary>
    public static async Task<RedisServer> StartAsync(string directory)
    {
        int port = Ports.Free(1)[0];
        RedisServer server = new(ChildProcess.Start("redis-server", ["--port", port.ToString(CultureInfo.InvariantCulture), "--dir", directory, "--save", "", "--bind", "127.0.0.1"], directory), port, directory);
        await Until.TrueAsync(server.IsReady, () => $"redis-server is not ready:\n{server._process.Output}");
        return server;
    }

    public object? Call(params object[] command)
    {
        Send(command);
        _stream!.Flush();
        return Reply();
    }

    /// <summary>Many commands at once, and their replies.</summary>
    public List<object?> CallMany(IReadOnlyCollection<object[]> commands)
    {
        foreach (object[] command in commands)
            Send(command);
        _stream!.Flush();
        return [.. commands.Select(_ => Reply())];
    }

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        await _process.DisposeAsync();
    }

    private bool IsReady()
    {
        if (_process.HasExited)
            Assert.Fail($"redis-server ended:\n{_process.Output}");
        try
        {
            _client?.Dispose();
            _client = new TcpClient("127.0.0.1", _port) { ReceiveTimeout = ReplyTimeMs, SendTimeout = ReplyTimeMs };
            _stream = new BufferedStream(_client.GetStream(), 64 << 10);
            return Call("PING") is "PONG";
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Send(object[] command)
    {
        _stream!.Write(Encoding.ASCII.GetBytes($"*{command.Length}\r\n"));
        foreach (object part in command)
        {
            byte[] bytes = part as byte[] ?? Encoding.UTF8.GetBytes(Convert.ToString(part, CultureInfo.InvariantCulture)!);
            _stream.Write(Encoding.ASCII.GetBytes($"${bytes.Length}\r\n"));
            _stream.Write(bytes);
            _stream.Write("\r\n"u8);
        }
    }

    /// <summary>Text of a simple reply or error, a number, bytes, or a list.</summary>
    private object? Reply()
    {
        string line = ReadLine();
        switch (line[0])
        {
            case ':':
                return long.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
            case '$':
                int length = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                if (length < 0)
                    return null;
                byte[] bytes = new byte[length + 2];
                _stream!.ReadExactly(bytes);
                return bytes[..length];
            case '*':
                return Enumerable.Range(0, int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture)).Select(_ => Reply()).ToList();
            default:
                return line[1..];
        }
    }

    private string ReadLine()
    {
        StringBuilder line = new();
        int value;
        while ((value = _stream!.ReadByte()) != '\n')
        {
            if (value < 0)
                throw new EndOfStreamException("redis-server closed the connection.");
            if (value != '\r')
                line.Append((char)value);
        }

        return line.ToString();
    }
}
