using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

/// <summary>A redis-server of a test's own, on a socket in a folder that goes away with it.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryFolder _folder;
    private readonly Process _process;
    private readonly Socket _socket;
    private readonly BufferedStream _stream;

    private RedisServer(TemporaryFolder folder, Process process, Socket socket)
    {
        _folder = folder;
        _process = process;
        _socket = socket;
        _stream = new BufferedStream(new NetworkStream(socket), 1 << 16);
    }

    /// <summary>Starts a server, which loads <paramref name="dump"/> if there is one.</summary>
    public static async Task<RedisServer> StartAsync(byte[]? dump = null, params string[] settings)
    {
        TemporaryFolder folder = new();
        if (dump is not null)
            await File.WriteAllBytesAsync(folder.File("dump.rdb"), dump);
        string socketPath = folder.File("redis.sock");
        ProcessStartInfo start = new(
            ExternalTool.Find("redis-server"),
            ["--port", "0", "--unixsocket", socketPath, "--dir", folder.Root, "--save", "", "--databases", "32", .. settings])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        await WaitUntilReadyAsync(process);
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
        return new RedisServer(folder, process, socket);
    }

    /// <summary>Sends a command and returns its reply: string, number, null, or a list of these.</summary>
    public object? Do(params string[] words) => Do(words.Select(Encoding.Latin1.GetBytes).ToArray());

    /// <summary>Sends a command of bytes.</summary>
    public object? Do(params byte[][] words)
    {
        Write($"*{words.Length}\r\n");
        foreach (byte[] word in words)
        {
            Write($"${word.Length}\r\n");
            _stream.Write(word);
            Write("\r\n");
        }

        _stream.Flush();
        return ReadReply();
    }

    /// <summary>Saves, and returns the dump.</summary>
    public byte[] Save()
    {
        Assert.Equal("OK", Do("SAVE"));
        return File.ReadAllBytes(_folder.File("dump.rdb"));
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    private static async Task WaitUntilReadyAsync(Process process)
    {
        using CancellationTokenSource patience = new(Patience);
        StringBuilder log = new();
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            log.AppendLine(line);
            if (line.Contains("connections at", StringComparison.Ordinal))
                return;
        }

        throw new InvalidOperationException($"redis-server did not start: {log}{await process.StandardError.ReadToEndAsync(patience.Token)}");
    }

    private void Write(string text) => _stream.Write(Encoding.ASCII.GetBytes(text));

    private object? ReadReply()
    {
        string line = ReadLine();
        string rest = line[1..];
        switch (line[0])
        {
            case '+':
                return rest;
            case '-':
                throw new InvalidOperationException(rest);
            case ':':
                return long.Parse(rest, CultureInfo.InvariantCulture);
            case '*':
                return Enumerable.Range(0, int.Parse(rest, CultureInfo.InvariantCulture)).Select(_ => ReadReply()).ToList();
            default:
                int length = int.Parse(rest, CultureInfo.InvariantCulture);
                if (length < 0)
                    return null;
                byte[] bytes = new byte[length];
                _stream.ReadExactly(bytes);
                ReadLine();
                return Encoding.Latin1.GetString(bytes);
        }
    }

    private string ReadLine()
    {
        StringBuilder line = new();
        for (int value; (value = _stream.ReadByte()) != '\n';)
        {
            Assert.True(value >= 0, "redis-server closed the connection");
            if (value != '\r')
                line.Append((char)value);
        }

        return line.ToString();
    }
}
