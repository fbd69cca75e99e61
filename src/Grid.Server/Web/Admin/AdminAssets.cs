using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Grid.Server.Web.Admin;

/// <summary>The admin page's files, which the binary carries: nothing is fetched from anywhere else, and nothing may be.</summary>
internal static class AdminAssets
{
    /// <summary>Only this silo's own files and API: no inline script or style, no frame around it.</summary>
    public const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private const string Prefix = "Page/";
    private const string Index = "index.html";

    /// <summary>The files by name.</summary>
    public static IReadOnlyDictionary<string, AdminAsset> Files { get; } = Load();

    public static void Map(IEndpointRouteBuilder routes)
    {
        // One page, whose script looks at the address.
        foreach (string path in (string[])["/", "/shards/{shard:int}", "/keyspaces/{name}"])
            routes.MapGet(path, (HttpContext context) => Serve(context, Files[Index]));
        foreach ((string name, AdminAsset file) in Files.Where(static file => file.Key != Index))
            routes.MapGet($"/assets/{name}", (HttpContext context) => Serve(context, file));
    }

    private static IResult Serve(HttpContext context, AdminAsset file)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        headers.ETag = file.ETag;
        return context.Request.Headers.IfNoneMatch == file.ETag ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Bytes(file.Content, file.Type);
    }

    private static Dictionary<string, AdminAsset> Load()
    {
        Assembly here = Assembly.GetExecutingAssembly();
        Dictionary<string, AdminAsset> files = new(StringComparer.Ordinal);
        foreach (string resource in here.GetManifestResourceNames().Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using Stream stream = here.GetManifestResourceStream(resource)!;
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            string name = resource[Prefix.Length..];
            files[name] = new AdminAsset(content, TypeOf(name), $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
        }

        return files;
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => throw new InvalidOperationException($"The admin page's file {name} has no type; name it here."),
    };
}

/// <summary>One file of the page.</summary>
/// <param name="Content">Its bytes.</param>
/// <param name="Type">Its media type.</param>
/// <param name="ETag">Names its content.</param>
internal sealed record AdminAsset(byte[] Content, string Type, string ETag);
