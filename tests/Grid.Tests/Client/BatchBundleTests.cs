using Grid.Client.Contracts;
using Grid.Formats.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>Bundles on the wire.</summary>
public sealed class BatchBundleTests
{
    private static readonly Serializer Serializer = new ServiceCollection()
        .AddSerializer(static b => b.AddAssembly(typeof(BatchBundle).Assembly))
        .BuildServiceProvider()
        .GetRequiredService<Serializer>();

    [Fact]
    public void The_layout_stays_as_it_is()
    {
        byte[] bytes = Serializer.SerializeToArray(Bundle(0x0102, (5, [0xAA, 0xBB]), (0, [])));
        Assert.EndsWith(
            "0201000000000000" + "02000000" + "05000000" + "02000000" + "AABB" + "00000000" + "00000000",
            Convert.ToHexString(bytes),
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_arrives_is_what_was_sent_and_the_receivers_own()
    {
        BatchBundle sent = Bundle(7, (3, [1, 2, 3]), (1, new byte[100_000]), (2, []));
        BatchBundle received = Serializer.Deserialize<BatchBundle>(Serializer.SerializeToArray(sent))!;
        Assert.Equal(7, received.Ticket);
        Assert.Equal([3, 1, 2], Enumerable.Range(0, received.Count).Select(i => received[i].Place));
        Assert.Equal([3, 100_000, 0], Enumerable.Range(0, received.Count).Select(i => received[i].Blob.Length));
        Assert.Equal([1, 2, 3], received[0].Blob.Span.ToArray());
        received.ReleaseReceived();
        Assert.Throws<ObjectDisposedException>(() => received[0].Blob.Span.Length);
        Assert.Equal([1, 2, 3], sent[0].Blob.Span.ToArray());
    }

    [Fact]
    public void Blobs_that_were_handed_over_or_received_end_with_their_sending()
    {
        BatchBundle sent = Bundle(0, (0, [1]));
        sent[0].Blob.HandOver();
        byte[] bytes = Serializer.SerializeToArray(sent);
        Assert.Throws<ObjectDisposedException>(() => sent[0].Blob.Span.Length);

        BatchBundle passedOn = Serializer.Deserialize<BatchBundle>(bytes)!;
        Assert.Equal(bytes, Serializer.SerializeToArray(passedOn));
        Assert.Throws<ObjectDisposedException>(() => passedOn[0].Blob.Span.Length);
    }

    [Fact]
    public void Damage_is_noticed()
    {
        byte[] good = Serializer.SerializeToArray(Bundle(1, (0, [1, 2, 3, 4]), (1, [5])));
        for (int length = 0; length < good.Length; length++)
            Assert.ThrowsAny<Exception>(() => Serializer.Deserialize<BatchBundle>(good.AsSpan(0, length).ToArray())!.Count);
        byte[] count = [.. good];
        count[^(4 + 8 + 4 + 8 + 1)] = 0xFF;
        Assert.ThrowsAny<Exception>(() => Serializer.Deserialize<BatchBundle>(count)!.Count);
    }

    private static BatchBundle Bundle(long ticket, params (int Place, byte[] Bytes)[] items)
    {
        BatchBundle bundle = new(items.Length, ticket);
        foreach ((int place, byte[] bytes) in items)
        {
            PooledBuffer blob = PooledBuffer.Rent(bytes.Length);
            blob.Write(bytes);
            bundle.Add(place, blob);
        }

        return bundle;
    }
}
