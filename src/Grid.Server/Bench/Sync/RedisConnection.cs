using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Grid.Server.Bench.Sync;

/// <summary>One connection to redis-server, with as much of its protocol as the bench speaks.</summary>
/// <remarks>See https://redis.io/docs/latest/develop/reference/protocol-spec/. Thread-safe; replies come in the order of the commands.</remarks>
internal sealed class RedisConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly BufferedStream _replies;
    private readonly NetworkStream _stream;
    private readonly ArrayBufferWriter<byte> _command = new();
    private readonly Queue<TaskCompletionSource<string>> _waiting = new();
    private readonly Lock _gate = new();
    private readonly Thread _reader;

    private RedisConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
        _replies = new BufferedStream(_stream, 64 << 10);
        _reader = new Thread(ReadReplies) { IsBackground = true, Name = "redis replies" };
        _reader.Start();
    }

    public static async Task<RedisConnection> OpenAsync(IPEndPoint server, CancellationToken cancellation)
    {
        TcpClient client = new(server.AddressFamily) { NoDelay = true };
        try
        {
            await client.ConnectAsync(server, cancellation);
            return new RedisConnection(client);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Appends a command to a buffer.</summary>
    public static void Write(IBufferWriter<byte> target, params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        Header(target, '*', parts.Length);
        foreach (ReadOnlyMemory<byte> part in parts)
        {
            Header(target, '$', part.Length);
            target.Write(part.Span);
            target.Write("\r\n"u8);
        }
    }

    /// <summary>Sends a command; the parts may be used again at once.</summary>
    /// <returns>The reply: a line, or the text of a bulk reply.</returns>
    /// <exception cref="IOException">The server refused it, or the connection broke.</exception>
    public Task<string> CallAsync(params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        TaskCompletionSource<string> reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _command.ResetWrittenCount();
            Write(_command, parts);
            _waiting.Enqueue(reply);
            _stream.Write(_command.WrittenSpan);
        }

        return reply.Task;
    }

    /// <summary>Sends a command of words.</summary>
    public Task<string> CallAsync(string command) =>
        CallAsync([.. command.Split(' ').Select(static word => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes(word))]);

    /// <summary>Sends so many commands, already written; ends when the last one is answered.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> commands, int count)
    {
        TaskCompletionSource<string>[] replies = [.. Enumerable.Range(0, count).Select(static _ => new TaskCompletionSource<string>())];
        lock (_gate)
        {
            foreach (TaskCompletionSource<string> reply in replies)
                _waiting.Enqueue(reply);
            _stream.Write(commands.Span);
        }

        await Task.WhenAll(replies.Select(static reply => reply.Task));
    }

    public void Dispose()
    {
        _client.Dispose();
        _reader.Join();
        _replies.Dispose();
    }

    private static void Header(IBufferWriter<byte> target, char kind, int number)
    {
        Span<byte> line = target.GetSpan(16);
        line[0] = (byte)kind;
        System.Buffers.Text.Utf8Formatter.TryFormat(number, line[1..], out int digits);
        "\r\n"u8.CopyTo(line[(1 + digits)..]);
        target.Advance(3 + digits);
    }

    private void ReadReplies()
    {
        try
        {
            while (ReadReply() is { } reply)
                End(reply);
            FailAll(new IOException("redis-server closed the connection."));
        }
        catch (Exception broken) when (broken is IOException or ObjectDisposedException)
        {
            FailAll(new IOException("The connection to redis-server broke.", broken));
        }
    }

    private void End(string reply)
    {
        TaskCompletionSource<string> waiting;
        lock (_gate)
            waiting = _waiting.Dequeue();
        if (reply.StartsWith('-'))
            waiting.SetException(new IOException($"redis-server answered: {reply[1..]}"));
        else
            waiting.SetResult(reply);
    }

    private void FailAll(IOException failure)
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out TaskCompletionSource<string>? waiting))
                waiting.TrySetException(failure);
        }
    }

    private string? ReadReply()
    {
        if (ReadLine() is not { } line)
            return null;
        if (!line.StartsWith('$'))
            return line.StartsWith('+') ? line[1..] : line;
        int length = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
        byte[] bytes = new byte[Math.Max(0, length + 2)];
        _replies.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Max(0, length)));
    }

    private string? ReadLine()
    {
        StringBuilder line = new();
        int value;
        while ((value = _replies.ReadByte()) != '\n')
        {
            if (value < 0)
                return null;
            if (value != '\r')
                line.Append((char)value);
        }

        return line.ToString();
    }
}
