using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Telemetry;

/// <summary>The span of whoever sent a batch, at the end of its blob.</summary>
public sealed class TraceContextTests
{
    private const string Golden =
        "01000002" + "05000000" + "0700000000000000" + "0100000000000000" + "0300000000000000" + "0000000000000000" + "e8030000" + "01000000"
        + "0100000000000000" + "0000000000000000" + "7f016b" + "0100016b" + "000102030405060708090a0b0c0d0e0f" + "1011121314151617" + "01";

    [Fact]
    public void A_traced_blob_is_what_it_always_was()
    {
        PooledBuffer blob = Blob();
        RequestHeader.PatchTrace(blob, Context(0));
        Assert.Equal(Golden, Convert.ToHexStringLower(blob.Span));
        blob.Release();
    }

    [Fact]
    public void Operations_are_read_as_without_it()
    {
        PooledBuffer blob = Blob();
        int before = blob.Length;
        RequestHeader.PatchTrace(blob, Context(0));
        Assert.Equal(before + TraceContext.Length, blob.Length);
        RequestHeader header = RequestHeader.Read(blob.Span, out int count);
        Assert.False(header.Repeats);
        OperationReader reader = new(blob.Span, count);
        Assert.True(reader.TryRead(out Operation operation));
        Assert.Equal("k"u8, operation.Key);
        Assert.False(reader.TryRead(out _));
        blob.Release();
    }

    [Fact]
    public void Another_span_takes_the_place_of_the_first_and_a_repetition_keeps_it()
    {
        PooledBuffer blob = Blob();
        Assert.False(RequestHeader.IsTraced(blob.Span));
        RequestHeader.PatchTrace(blob, Context(0));
        int length = blob.Length;
        RequestHeader.PatchTrace(blob, Context(100));
        Assert.Equal(length, blob.Length);
        RequestHeader.PatchSession(blob, settledBelow: 1, repeats: true);
        Assert.True(RequestHeader.IsTraced(blob.Span));
        Assert.True(RequestHeader.Read(blob.Span, out _).Repeats);
        RequestHeader.PatchSession(blob, settledBelow: 1, repeats: false);
        Assert.False(RequestHeader.Read(blob.Span, out _).Repeats);
        TraceContext read = RequestHeader.ReadTrace(blob.Span);
        Assert.Equal(100, read.TraceId[0]);
        Assert.Equal(116, read.SpanId[0]);
        Assert.Equal(1, read.Flags);
        blob.Release();
    }

    [Fact]
    public void A_blob_that_only_claims_to_be_traced_is_malformed()
    {
        PooledBuffer blob = Blob();
        blob.WritableSpan[3] |= 2;
        Assert.False(RequestHeader.IsTraced(blob.Span));
        blob.WritableSpan[3] |= 4;
        byte[] bytes = blob.Span.ToArray();
        blob.Release();
        Assert.Throws<MalformedException>(() => RequestHeader.Read(bytes, out _));
    }

    private static PooledBuffer Blob()
    {
        PooledBuffer blob = PooledBuffer.Rent(16);
        new RequestHeader(5, 7, 1, 3, 0, 1000, WriteDurability.Replicated, false).Write(blob);
        OperationWriter writer = new(blob);
        writer.Write("k", new Operation { Kind = OperationKind.Get, Key = "k"u8, Number = 1 });
        RequestHeader.PatchCount(blob, 1);
        return blob;
    }

    private static TraceContext Context(byte first)
    {
        TraceContext context = default;
        for (int i = 0; i < 16; i++)
            context.TraceId[i] = (byte)(first + i);
        for (int i = 0; i < 8; i++)
            context.SpanId[i] = (byte)(first + 16 + i);
        context.Flags = 1;
        return context;
    }
}
